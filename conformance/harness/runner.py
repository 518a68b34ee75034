"""Performs the steps of one scenario and collects what they leave behind, as text."""
import hashlib
import json
import os
import random
import re
import shutil
import tomllib

from . import sandbox
from .image import Image, listing, name_text, remove, sha256, tree
from .registry import Registry
from .scenario import PHASES, module, order_toml
from .symbols import Symbols

VOLUMES = ("layers", "workspace", "cache", "platform", "kaniko", "golden", "layout")
ROOT_PHASES = {"analyzer", "restorer", "exporter", "extender", "creator", "rebaser"}
# What the launcher says, and what bash says of a line of the launcher's script.
PROSE = re.compile(r"(\x1b\[[0-9;]*m)*(ERROR|Warning): |.*: line \d+: |bash: ")
METADATA = "io.buildpacks.lifecycle.metadata"
EMPTY_TAR = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # 1024 zero bytes
CACHE_METADATA = "io.buildpacks.lifecycle.cache.metadata"


def pretty(value):
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def compact(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def lines(items):
    return "".join(item + "\n" for item in items)


def version(text):
    return tuple(int(part) for part in text.split("."))


class Run:
    """One variant of one scenario. results maps `<step>/<file>` to text."""

    def __init__(self, scenario, data, lifecycle, storage, work):
        self.scenario, self.data, self.work = scenario, data, work
        # The extender of the reference writes beside its binary, so every run has its own directory.
        self.lifecycle = os.path.join(work, "lifecycle")
        shutil.copytree(lifecycle, self.lifecycle, symlinks=True, copy_function=os.link)
        self.results = {}
        self.roots = 0
        self.registry = Registry(storage)
        self.symbols = Symbols(self.registry.name)
        for repository in ("run", "build"):
            tags = json.loads(self.registry.request("GET", f"/v2/{repository}/tags/list")[2])["tags"]
            for tag in sorted(tags, key=lambda tag: (tag != "base", tag)):
                self.name_base(repository, tag)
        self.state = {"workspace": None}

    def name_base(self, repository, tag):
        media_type, data = self.registry.manifest(f"{repository}:{tag}")
        children = json.loads(data).get("manifests")
        if children is None:
            self.symbols.base(repository, tag, Image.from_registry(self.registry, f"{repository}:{tag}"))
            return
        self.symbols.add(sha256(data), f"digest:{repository}/{tag}")
        for child in children:
            platform = child.get("platform", {})
            name = "/".join(filter(None, (tag, platform.get("os"), platform.get("architecture"))))
            if "manifest" in child["mediaType"] and "list" not in child["mediaType"]:
                image = Image.from_registry(self.registry, f"{repository}@{child['digest']}")
                self.symbols.base(repository, name, image)
            else:
                self.symbols.add(child["digest"], f"digest:{repository}/{name}/inner")
                self.symbols.base(repository, name + "/inner/linux/amd64",
                                  Image.from_registry(self.registry, f"{repository}@{child['digest']}"))

    # -- directories ------------------------------------------------------

    def volume(self, name):
        return os.path.join(self.work, "volumes", name)

    def words(self):
        """{word} in fixtures and scenarios."""
        words = {"registry": self.registry.name}
        for digest, name in self.symbols.names.items():
            if name.startswith("<digest:"):
                words[name[1:-1]] = digest
        return words

    def fill(self, text):
        for word, value in self.words().items():
            text = text.replace("{" + word + "}", value)
        return text

    def reference(self, name):
        """`app:1` -> the full reference; a name with a host stays."""
        name = self.fill(name)
        return name if re.match(r"[^/]+[.:][^/]*/", name) else f"{self.registry.name}/{name}"

    def setting(self, step, key, default=None):
        return step.get(key, self.data.get(key, default))

    def api(self, step):
        return str(self.setting(step, "platform-api", "0.12"))

    def fresh(self, step):
        """New volumes, except the cache; the root file systems are always new."""
        keep = {"cache"} if step.get("fresh", True) else set(VOLUMES)
        for name in VOLUMES:
            path = self.volume(name)
            if name not in keep:
                remove(path)
            os.makedirs(path, exist_ok=True)
        for name, mode, owner in (("layers", 0o755, 1000), ("workspace", 0o755, 1000), ("cache", 0o755, 1000),
                                  ("golden", 0o777, 0), ("platform", 0o755, 0), ("layout", 0o755, 1000)):
            os.chown(self.volume(name), owner, owner)
            os.chmod(self.volume(name), mode | (0o1000 if name == "golden" else 0))
        if step.get("fresh", True):
            self.place_app(step)
        for name, where in step.get("layout-images", []):
            path = os.path.join(self.volume("layout"), where)
            Image.from_registry(self.registry, name).write_layout(path)
            for at, names, files in os.walk(self.volume("layout")):
                for item in (".", *names, *files):
                    os.chown(os.path.join(at, item), 1000, 1000)

    def place_app(self, step):
        workspace = self.volume("workspace")
        app = self.setting(step, "app")
        if app:
            sandbox.copy_tree(self.scenario.fixture("apps", app), workspace, (1000, 1000))
            sandbox.substitute(workspace, self.words())
        for file in self.setting(step, "random-files", []):
            path = os.path.join(workspace, file["path"])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(random.Random(file["seed"]).randbytes(file["size"]))
            os.chown(path, 1000, 1000)

    def place_cnb(self, step):
        """/cnb as a builder image has it, without the lifecycle."""
        cnb = os.path.join(self.work, f"cnb-{self.roots}")
        os.makedirs(os.path.join(cnb, "lifecycle"))
        versions = {"buildpack": {}, "extension": {}}
        for kind, names in (("buildpack", self.setting(step, "buildpacks", [])),
                            ("extension", self.setting(step, "extensions", []))):
            os.makedirs(os.path.join(cnb, kind + "s"), exist_ok=True)
            for name in names:
                source = self.scenario.fixture(kind + "s", name)
                identity, number = module(source, kind)
                versions[kind].setdefault(identity, number)
                target = os.path.join(cnb, kind + "s", identity.replace("/", "_"), number)
                sandbox.copy_tree(source, target)
                sandbox.substitute(target, self.words())
                api = self.setting(step, "buildpack-api")
                if api and kind == "buildpack":
                    self.set_api(os.path.join(target, "buildpack.toml"), str(api))
        order = order_toml("order", self.setting(step, "order", []), versions["buildpack"])
        order += order_toml("order-extensions", self.setting(step, "order-extensions", []), versions["extension"])
        self.write(os.path.join(cnb, "order.toml"), order)
        images = [self.reference(name) for name in self.setting(step, "run-images", ["run:base"])]
        if images:
            body = f'image = "{images[0]}"\n'
            if images[1:]:
                body += f"mirrors = {json.dumps(images[1:])}\n"
            self.write(os.path.join(cnb, "run.toml"), "[[images]]\n" + body)
            self.write(os.path.join(cnb, "stack.toml"), "[run-image]\n" + body)
        for name in os.listdir(os.path.join(cnb)):
            path = os.path.join(cnb, name)
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
        return cnb

    @staticmethod
    def set_api(path, api):
        text = open(path).read()
        with open(path, "w") as out:
            out.write(re.sub(r'(?m)^api = ".*"', f'api = "{api}"', text, count=1))

    @staticmethod
    def write(path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)

    def root(self, image, cnb):
        """A root file system of image with the volumes and /cnb in it."""
        self.roots += 1
        path = os.path.join(self.work, f"root-{self.roots}")
        image.unpack(path)
        root = sandbox.Root(path)
        for name in VOLUMES:
            root.bind(self.volume(name), "/" + name)
        root.bind(cnb, "/cnb")
        root.bind(self.lifecycle, "/cnb/lifecycle")
        return root

    # -- steps ------------------------------------------------------------

    def perform(self):
        for step in self.data["step"]:
            kind = step.get("kind", "build")
            self.cut = {}
            try:
                getattr(self, "do_" + kind)(step)
            except Exception as problem:  # the other steps are still worth a comparison
                self.cut["harness-error.txt"] = f"{type(problem).__name__}: {problem}\n"
            for name, text in self.cut.items():
                self.results[f"{step['name']}/{name}"] = text

    def build_root(self, step):
        build = Image.from_registry(self.registry, "build:" + self.setting(step, "build", "base"))
        cnb = self.place_cnb(step)
        root = self.root(build, cnb)
        for path, text in {**self.data.get("files", {}), **step.get("files", {})}.items():
            target = root.path + path
            made = not os.path.exists(os.path.dirname(target))
            self.write(target, self.fill(text))
            if path.startswith(("/layers/", "/workspace/")):
                os.chown(target, 1000, 1000)
                if made:
                    os.chown(os.path.dirname(target), 1000, 1000)
        return root, build

    def do_build(self, step):
        self.fresh(step)
        root, build = self.build_root(step)
        setup = self.setting(step, "setup")
        if setup and step.get("fresh", True):
            self.shell(root, setup, "/workspace")
        for item in self.setting(step, "xattrs", []):
            os.setxattr(root.path + item["path"], item["name"], item["value"].encode())
        base_env = dict(entry.split("=", 1) for entry in build.config["config"]["Env"])
        codes, output, analyzed = [], [], None
        for phase in step.get("run", PHASES):
            code, text = self.phase(phase, step, root, base_env)
            codes.append(f"{phase} {code}")
            output += [line for line in text.splitlines() if line.startswith("@ ")]
            self.state["log"] = self.state.get("log", "") + f"--- {step['name']}: {phase} -> {code}\n{text}"
            analyzed = self.after_phase(phase, analyzed)
            if code:
                break
        self.cut["exit-code"] = lines(codes)
        if "says" in step:
            said = self.symbols.text(text)
            self.cut["says.txt"] = lines(f"{'yes' if wanted in said else 'NO '} {wanted}" for wanted in step["says"])
        if output:
            self.cut["output.txt"] = lines(output)
        self.collect(step, succeeded=not code, last=phase)

    do_rebase = do_build

    def phase(self, phase, step, root, base_env):
        """Runs one phase; `extender:run` runs in the run image's root file system."""
        name, _, kind = phase.partition(":")
        builder = tuple(int(part) for part in step.get("user", "1000:1000").split(":"))
        is_root = name in step.get("as-root", []) or name in ROOT_PHASES and name not in step.get("as-user", [])
        user = (0, 0) if is_root else builder
        env = {**base_env, "HOME": "/root" if user[0] == 0 else "/home/cnb", "HOSTNAME": "golden",
               "CNB_PLATFORM_API": self.api(step)}
        for key, value in {**self.data.get("env", {}), **step.get("env", {})}.items():
            env[key] = self.fill(value)
        env = {key: value for key, value in env.items() if value != "{unset}"}
        if kind == "run":
            analyzed = tomllib.load(open(self.volume("layers") + "/analyzed.toml", "rb"))
            image = Image.from_registry(self.registry, analyzed["run-image"]["reference"])
            root = self.root(image, root.path + "/cnb")
            env["PATH"] = base_env["PATH"]
        args = self.arguments(name, kind, step)
        code, text, _ = root.run([f"/cnb/lifecycle/{name}", *args], env, user, cwd="/layers")
        return code, text

    def arguments(self, phase, kind, step):
        args = []
        api = version(self.api(step))
        cache = step.get("cache", self.state.get("cache-kind", "dir"))
        if phase == "extender" and api >= (0, 12):
            args += ["-kind", kind]
        if phase in ("restorer", "exporter", "creator") and cache == "dir":
            args += ["-cache-dir", "/cache"]
        if phase in ("analyzer", "restorer", "exporter", "creator") and cache == "image":
            args += ["-cache-image", self.reference("cache")]
        if phase in ("analyzer", "creator") and step.get("previous"):
            args += ["-previous-image", self.reference(step["previous"])]
        if phase == "restorer" and self.setting(step, "order-extensions") and api >= (0, 10):
            args += ["-build-image", self.reference("build:" + self.setting(step, "build", "base"))]
        if phase in ("analyzer", "creator"):
            for tag in step.get("tags", []):
                args += ["-tag", self.reference(tag)]
        args += [self.fill(text) for text in step.get("args", {}).get(phase, [])]
        if phase in ("analyzer", "exporter", "creator", "rebaser"):
            args.append(self.reference(step.get("image", "app")))
        if phase in ("exporter", "rebaser"):
            args += [self.reference(tag) for tag in step.get("tags", [])]
        return args

    def shell(self, root, script, cwd="/"):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        code, text, _ = root.run(["/bin/sh", "-ec", self.fill(script)], env, cwd=cwd)
        if code:
            raise RuntimeError(f"script of {self.step['name']} ended with {code}: {text}")

    def do_shell(self, step):
        """Changes the volumes between builds, as root in the build image."""
        root, _ = self.build_root({**step, "fresh": False})
        self.shell(root, step["script"])

    def do_registry(self, step):
        for source, target in step.get("tag", []):
            self.registry.tag(self.fill(source), self.fill(target))
        for name in step.get("delete", []):
            self.registry.delete(self.fill(name))

    def do_launch(self, step):
        """Starts the image as an engine would: Entrypoint (or process) with command or Cmd."""
        image = Image.from_registry(self.registry, self.reference(step.get("image", "app")))
        if image is None:
            self.cut["exit-code"] = "launch impossible: there is no image\n"
            return
        config = image.config["config"]
        self.roots += 1
        path = os.path.join(self.work, f"root-{self.roots}")
        image.unpack(path)
        root = sandbox.Root(path)
        env = dict(entry.split("=", 1) for entry in config["Env"])
        env.update({"HOME": "/home/web", "HOSTNAME": "golden"}, **step.get("env", {}))
        env = {key: value for key, value in env.items() if value != "{unset}"}
        entry = [f"/cnb/process/{step['process']}"] if "process" in step else config.get("Entrypoint") or []
        if "argv0" in step:
            entry = ["/cnb/lifecycle/launcher"]
        argv = entry + (step["command"] if "command" in step else config.get("Cmd") or [])
        user = tuple(int(part) for part in step.get("user", config["User"]).split(":"))
        code, out, err = root.run([step.get("argv0", argv[0]), *argv[1:]], env, user,
                                  config.get("WorkingDir") or "/", executable=argv[0], merge=False)
        self.state["log"] = self.state.get("log", "") + f"--- {step['name']}: launch -> {code}\n{out}{err}"
        prose = lambda text: lines(line for line in self.symbols.text(text).splitlines()
                                   if not PROSE.match(line))
        self.cut.update({"exit-code": f"launch {code}\n", "stdout.txt": prose(out), "stderr.txt": prose(err)})

    # -- what is kept -----------------------------------------------------

    def after_phase(self, phase, analyzed):
        """analyzed.toml whenever it changes; what the restorer gave back; what builds left."""
        layers = self.volume("layers")
        path = os.path.join(layers, "analyzed.toml")
        text = open(path).read() if os.path.exists(path) else None
        if text is not None and text != analyzed:
            name = "analyzed.toml" if analyzed is None else f"analyzed.{phase}.toml"
            self.cut[name] = self.symbols.text(text)
        if phase == "restorer":
            self.cut_tree("restored.txt", layers)
        if phase in ("builder", "creator", "extender:build"):
            self.cut_tree("layers-dir.txt", layers)
        return text

    def cut_tree(self, name, layers):
        """Directories of <layers> only; TOML files as values."""
        shown = []
        for entry in sorted(os.listdir(layers)):
            path = os.path.join(layers, entry)
            if not os.path.isdir(path) or entry in ("generated", "extended"):
                continue
            info = os.stat(path)
            shown.append(f"d {info.st_mode & 0o7777:04o} {info.st_uid}:{info.st_gid} - - {entry}")
            for line in tree(path):
                kind, mode, owner, size, digest, rest = line.split(" ", 5)
                full = os.path.join(path, rest)
                if rest.endswith(".toml") and kind == "f":
                    shown.append(f"{kind} {mode} {owner} * * {entry}/{rest}")
                    if entry != "config":
                        shown.append("    | " + self.toml_line(full))
                else:
                    # The reference restores SBOM files with 0644 or 0666, by chance.
                    mode = "*" if ".sbom." in rest and kind == "f" else mode
                    shown.append(f"{kind} {mode} {owner} {size} {digest} {entry}/{rest}")
        if shown:
            self.cut[name] = self.symbols.text(lines(shown))

    @staticmethod
    def toml_line(path):
        text = open(path, errors="backslashreplace").read()
        try:
            value = tomllib.loads(text)
            if os.path.basename(path) == "report.toml" and "manifest-size" in value.get("image", {}):
                value["image"]["manifest-size"] = "<size>"  # depends on media types
            return compact(value)
        except tomllib.TOMLDecodeError:
            return "(not TOML) " + json.dumps(text)

    def collect(self, step, succeeded, last):
        layers = self.volume("layers")
        image = None
        if succeeded and last in ("exporter", "creator", "rebaser"):
            image = self.exported(step)
        for name, path in (("group.toml", "group.toml"), ("plan.toml", "plan.toml"),
                           ("metadata.toml", "config/metadata.toml"), ("report.toml", "report.toml")):
            full = os.path.join(layers, path)
            if os.path.exists(full):
                text = open(full).read()
                if name == "report.toml" and image:
                    text = text.replace(f"manifest-size = {len(image.manifest_bytes)}\n", 'manifest-size = "<size>"\n')
                self.cut[name] = self.symbols.text(text)
        generated = os.path.join(layers, "generated")
        if os.path.isdir(generated):
            for at, _, files in os.walk(generated):
                for name in files:
                    full = os.path.join(at, name)
                    self.cut["generated/" + os.path.relpath(full, generated)] = self.symbols.text(
                        open(full, errors="backslashreplace").read())
        if image:
            self.cut_image(image, with_history=last != "rebaser")
            if last != "rebaser":
                self.cut_cache(step)
        dump = self.volume("golden")
        for at, _, files in os.walk(dump):
            for name in files:
                full = os.path.join(at, name)
                self.cut["dump/" + os.path.relpath(full, dump)] = self.symbols.text(
                    open(full, errors="backslashreplace").read())
                os.remove(full)

    def exported(self, step):
        """The image of the step; all its names must give the same one."""
        if step.get("layout"):
            image = Image.from_layout(os.path.join(self.volume("layout"), step["layout"]))
        else:
            name = self.reference(step.get("image", "app"))
            image = Image.from_registry(self.registry, name)
            if image is None:
                self.cut["image.json"] = '"absent"\n'
                return None
            others = [Image.from_registry(self.registry, self.reference(tag)) for tag in step.get("tags", [])]
            if others:
                self.cut["tags.txt"] = lines(
                    f"{tag} {'same' if other and other.digest == image.digest else 'differs'}"
                    for tag, other in zip(step["tags"], others))
        self.symbols.add(image.digest, "digest:app/" + step["name"])
        return image

    def cut_image(self, image, with_history=True):
        try:
            metadata = json.loads(image.labels().get(METADATA, "{}"))
        except ValueError:
            metadata = {}
        advisory = {"media-types": image.media_types()}
        for key in ("launcher", "config"):
            # Our launcher and the TOML text of metadata.toml may differ.
            self.symbols.add((metadata.get(key) or {}).get("sha"), f"{key}-layer")
        advisory["config-layer"] = (metadata.get("config") or {}).get("sha")
        record = image.record()
        # The extender of the reference adds an empty layer for every instruction that changes no
        # file; these are left out, with their history.
        history = record.get("history") or []
        layers = [number for number, entry in enumerate(history) if not entry.get("empty_layer")]
        dropped, extension = [], 0
        if len(layers) == len(image.diff_ids()):
            for index, diff_id in enumerate(image.diff_ids()):
                if "Created by extension" not in history[layers[index]].get("created_by", ""):
                    continue
                if diff_id == EMPTY_TAR:
                    dropped.append(index)
                    continue
                self.symbols.add(diff_id, f"extension-layer:{extension}")
                extension += 1
        record["history"] = [entry for number, entry in enumerate(history)
                             if number not in [layers[index] for index in dropped]]
        if not with_history:  # a rebase with the reference blanks it
            del record["history"]
        kept = [diff_id for index, diff_id in enumerate(image.diff_ids()) if index not in dropped]
        record.setdefault("rootfs", {})["diff_ids"] = kept
        record = self.symbols.value(record)
        build = (record.get("config") or {}).get("Labels", {}) or {}
        if isinstance(build.get("io.buildpacks.build.metadata"), dict):
            build["io.buildpacks.build.metadata"]["launcher"] = "<launcher>"
        self.cut["image.json"] = pretty(record)
        self.cut["advisory.json"] = compact(advisory) + "\n"
        self.cut["layers.txt"] = self.layers_text(image, kept)

    def layers_text(self, image, diff_ids):
        """A listing of each layer that is no base layer."""
        text = []
        for diff_id in diff_ids:
            name = self.symbols.text(diff_id)
            if name.startswith("<base-layer:"):
                continue
            data = image.layer(image.diff_ids().index(diff_id))
            truth = "" if sha256(data) == diff_id else " DIFF-ID-IS-WRONG"
            text.append(f"layer {name}{truth}")
            loose = name.startswith("<extension-layer:")
            hidden = name in ("<launcher-layer>", "<config-layer>")
            text += ["  " + line for line in listing(data, hidden, loose)]
        return self.symbols.text(lines(text))

    def cut_cache(self, step):
        kind = step.get("cache", self.state.get("cache-kind", "dir"))
        if kind == "image":
            image = Image.from_registry(self.registry, self.reference("cache"))
            if image is None:
                self.cut["cache/image.json"] = '"absent"\n'
                return
            self.symbols.add(image.digest, "digest:cache/" + step["name"])
            # The reference adds a reused layer twice (lifecycle issue 1720): keep the distinct ones.
            distinct = list(dict.fromkeys(image.diff_ids()))
            self.cut["cache/image.json"] = pretty(self.symbols.value({
                "created": image.config.get("created"), "os": image.config.get("os"),
                "metadata": json.loads(image.labels()[CACHE_METADATA]), "layers": distinct}))
            self.cut["cache/layers.txt"] = self.layers_text(image, distinct)
        if kind == "dir":
            committed = os.path.join(self.volume("cache"), "committed")
            if not os.path.isdir(committed):
                return
            files = []
            for name in sorted(os.listdir(committed)):
                data = open(os.path.join(committed, name), "rb").read()
                if name == CACHE_METADATA:
                    self.cut["cache/metadata.json"] = pretty(self.symbols.value(json.loads(data)))
                else:
                    good = name == sha256(data) + ".tar"
                    files.append(f"{self.symbols.text(name)} {'whole' if good else 'corrupt'}")
            self.cut["cache/files.txt"] = lines(files)


def run_variant(scenario, data, lifecycle, storage, work):
    """-> (results, log). A failure of the harness itself is a result of its own."""
    run = Run(scenario, data, lifecycle, storage, work)
    try:
        run.perform()
    finally:
        run.registry.stop()
    return run.results, run.state.get("log", "")
