FROM {registry}/run:list
