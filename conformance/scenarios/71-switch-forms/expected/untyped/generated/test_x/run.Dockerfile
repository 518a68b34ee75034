FROM {registry}/run:untyped
