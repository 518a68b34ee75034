FROM {registry}/run@<digest:run/index/linux/amd64>
