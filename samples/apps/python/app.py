"""A small handbook: pages written in Markdown. An ordinary Flask application that knows nothing of buildpacks."""

import os
from pathlib import Path

import markdown
from flask import Flask, abort, jsonify, render_template

TITLE = "The handbook"
PAGES = Path(__file__).parent / "pages"

app = Flask(__name__)


def page_names():
    return sorted(path.stem for path in PAGES.glob("*.md"))


@app.get("/")
def home():
    return render_template("home.html", title=TITLE, names=page_names())


@app.get("/pages/<name>")
def page(name):
    if name not in page_names():
        abort(404)
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    return render_template("page.html", title=TITLE, name=name, body=markdown.markdown(text))


@app.get("/health")
def health():
    return jsonify(status="ok", workers=os.environ.get("WEB_CONCURRENCY", "1"))
