FROM {registry}/run@<digest:run/index>
