FROM {registry}/run:nested
