#!/usr/bin/env python3
"""Makes an OCI layout with one image: one layer of COUNT files with BYTES in all, compressed as other tools do it.

usage: image.py DIRECTORY [COUNT [BYTES]]
       image.py DIRECTORY LAYER    the same with a compressed layer that is there already
"""
import gzip, hashlib, io, json, os, random, sys, tarfile

directory = sys.argv[1]
ready = sys.argv[2] if len(sys.argv) > 2 and not sys.argv[2].isdigit() else None
count = int(sys.argv[2]) if len(sys.argv) > 2 and not ready else 20_000
size = (int(sys.argv[3]) if len(sys.argv) > 3 else 1 << 30) // count
blobs = os.path.join(directory, "blobs/sha256")
os.makedirs(blobs)
numbers = random.Random(1)
# Half of it can be compressed, as with programs.
noise = numbers.randbytes(1 << 22)


class Hashing:
    def __init__(self, output):
        self.output, self.hash, self.size = output, hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return self.output.write(data)

    def flush(self):
        self.output.flush()


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def copied(layer, file):
    """Copies a layer; what it is packed as, and what is in it."""
    packed, plain = Hashing(file), Hashing(io.BytesIO())
    with open(layer, "rb") as source:
        while data := source.read(1 << 20):
            packed.write(data)
    with gzip.open(layer) as source:
        while data := source.read(1 << 20):
            plain.hash.update(data)
    return packed, plain


def made(file):
    """Makes a layer; what it is packed as, and what is in it."""
    packed = Hashing(file)
    with gzip.GzipFile("", "wb", 6, packed, 0) as zipped:
        plain = Hashing(zipped)
        with tarfile.open(fileobj=plain, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
            for number in range(count):
                at = numbers.randrange(len(noise) - size)
                content = (noise[at : at + size // 2] + b"some text that repeats itself\n" * (size // 30 + 1))[:size]
                entry = tarfile.TarInfo(f"data/{number % 200:03}/{number:05}")
                entry.size, entry.mode = size, 0o644
                tar.addfile(entry, io.BytesIO(content))
    return packed, plain


temporary = os.path.join(directory, "layer")
with open(temporary, "wb") as file:
    packed, plain = copied(ready, file) if ready else made(file)
layer = {"digest": "sha256:" + packed.hash.hexdigest(), "size": packed.size}
os.rename(temporary, os.path.join(blobs, packed.hash.hexdigest()))
diff_id = "sha256:" + plain.hash.hexdigest()
config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/none"]},
          "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
oci = "application/vnd.oci.image."
config = put(json.dumps(config).encode()) | {"mediaType": oci + "config.v1+json"}
layer |= {"mediaType": oci + "layer.v1.tar+gzip"}
manifest = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config, "layers": [layer]}
manifest = put(json.dumps(manifest).encode()) | {"mediaType": oci + "manifest.v1+json"}
manifest["annotations"] = {"org.opencontainers.image.ref.name": "big"}
manifest["platform"] = {"os": "linux", "architecture": "amd64"}
with open(os.path.join(directory, "index.json"), "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
with open(os.path.join(directory, "oci-layout"), "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
