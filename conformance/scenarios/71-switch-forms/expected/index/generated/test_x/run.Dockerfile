FROM {registry}/run:index
