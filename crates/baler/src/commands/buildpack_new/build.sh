#!/bin/sh
# Does the work. It runs in the directory of the application, which becomes part of the image as it is left here.
set -eu
layers=${CNB_LAYERS_DIR:-$1}

echo "Nothing to do yet"

# A layer is a directory in $layers, and a file beside it that says what it is for: `launch` is part of the image, `build` is
# there for later buildpacks, `cache` comes back in the next build.
#
# mkdir -p "$layers/tools/bin"
# cat > "$layers/tools.toml" <<'TOML'
# [types]
# launch = true
# cache = true
# TOML

# What the image runs.
#
# cat > "$layers/launch.toml" <<'TOML'
# [[processes]]
# type = "web"
# command = ["./start"]
# default = true
# TOML
