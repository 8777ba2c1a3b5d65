"""Data as published and at hand; what is wrong with it is named, what is dropped counted."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.data import DataError, load_pairs, prepared
from models.published import download, load, load_manifest, load_mvsa, majority, merged
from models.signature import IMAGE_SIZE
from tests.unit.models.made import NEG, NEU, POS, parquet, picture


def mvsa(folder: Path, rows: list[str], header: str = "ID\ttext,image") -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "labelResultAll.txt").write_text("\n".join([header, *rows]) + "\n")
    for row in rows:
        name = row.split("\t")[0]
        (folder / "data" / f"{name}.jpg").write_bytes(picture(int(name)))
        (folder / "data" / f"{name}.txt").write_bytes(f"tweet {name} caf\u00e9".encode("cp1252"))
    return folder


def test_the_merging_rule() -> None:
    assert merged(POS, POS) == POS
    assert merged(NEU, NEG) == NEG
    assert merged(POS, NEU) == POS
    assert merged(POS, NEG) is None
    assert majority([POS, POS, NEG]) == POS
    assert majority([POS, NEU, NEG]) is None


def test_mvsa_single_as_published(tmp_path: Path) -> None:
    folder = mvsa(tmp_path, ["1\tneutral,positive", "2\tnegative,positive", "3\tneutral,neutral"])
    pairs = load(folder)
    assert pairs.ids == ["1", "3"]
    assert pairs.labels.tolist() == [POS, NEU]
    assert pairs.texts[0] == "tweet 1 caf\u00e9"
    assert pairs.dropped == {"text and picture opposite": 1}


def test_mvsa_multiple_takes_the_majority_of_each_side(tmp_path: Path) -> None:
    header = "ID\ttext,image\ttext,image\ttext,image"
    rows = [
        "7\tpositive,neutral\tpositive,negative\tneutral,neutral",
        "8\tpositive,neutral\tnegative,neutral\tneutral,neutral",
    ]
    pairs = load_mvsa(mvsa(tmp_path, rows, header))
    assert pairs.ids == ["7"]
    assert pairs.labels.tolist() == [POS]
    assert pairs.dropped == {"no majority": 1}


def test_what_is_wrong_with_mvsa_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no labelResultAll\.txt"):
        load_mvsa(tmp_path)
    with pytest.raises(DataError, match="line 2: unknown label 'happy'"):
        load_mvsa(mvsa(tmp_path / "a", ["1\thappy,positive"]))
    with pytest.raises(DataError, match="first line"):
        load_mvsa(mvsa(tmp_path / "b", ["1\tpositive,positive"], header="id,label"))
    missing = mvsa(tmp_path / "c", ["1\tpositive,positive"])
    (missing / "data" / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"1\.jpg is missing"):
        load_mvsa(missing)
    broken = mvsa(tmp_path / "d", ["1\tpositive,positive", "2\tneutral,neutral"])
    (broken / "data" / "1.jpg").write_bytes(picture(1)[:300])
    with pytest.raises(DataError, match=r"line 2: 1\.jpg: the picture is broken"):
        load_mvsa(broken)
    kept = load_mvsa(broken, skip_broken=True)
    assert (kept.ids, kept.dropped) == (["2"], {"missing or broken file": 1})


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_manifest(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    text, manifest = "one two three four five", tmp_path / f"m{suffix}"
    rows = [
        {"text": text, "label": "negative", "path": "a.jpg"},
        {"text": "x", "label": "?", "path": "b"},
    ]
    if suffix == ".csv":
        manifest.write_text(
            "text,label,path\n" + "".join(",".join(r.values()) + "\n" for r in rows)
        )
    else:
        manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = load(manifest)
    assert (pairs.texts, pairs.labels.tolist()) == ([text], [NEG])
    assert pairs.dropped == {"not 5 to 100 words": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"words": "x", "label": "negative", "path": "a"}, "no column 'text'"),
        ({"text": "a b c d e", "label": "bad", "path": "a.jpg"}, "unknown label 'bad'"),
        ({"text": "a b c d e", "label": "negative", "path": "none.jpg"}, r"none\.jpg is missing"),
        (
            {"text": "a b c d e", "label": "negative", "url": "http://x/y"},
            "python -m models.published",
        ),
        ({"text": "a b c d e", "label": "negative", "url": "file:///etc"}, "not an http"),
        ({"text": "a b c d e", "label": "negative"}, "neither 'path' nor 'url'"),
        ([1], "not a JSON object"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_named(tmp_path: Path, row: object, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps(row))
    with pytest.raises(DataError, match=message):
        load_manifest(manifest)


def test_what_a_manifest_names_is_downloaded_once(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "a.jpg").write_bytes(picture())
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    manifest = tmp_path / "m.jsonl"
    row = {"text": "one two three four five", "label": "positive"}
    base = f"http://127.0.0.1:{server.server_port}"
    rows = [{**row, "url": f"{base}/a.jpg"}, {**row, "url": f"{base}/none.jpg"}]
    manifest.write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert download(manifest) == {"fetched": 1, "failed": 1}
    assert download(manifest) == {"there": 1, "failed": 1}
    server.shutdown()
    server.server_close()
    manifest.write_text(json.dumps(rows[0]))
    assert load_manifest(manifest).labels.tolist() == [POS]
    manifest.write_text(json.dumps(rows[1]))
    with pytest.raises(DataError, match="is missing"):
        load_manifest(manifest)


def test_parquet_pairs_and_their_faults(tmp_path: Path) -> None:
    good = {"id": ["1"], "text": ["a &amp; b"], "label": ["neutral"], "image": [picture()]}
    pairs = load_pairs(parquet(tmp_path / "a", **good))
    assert pairs.texts == ["a & b"]
    pictures, has_image = prepared(pairs)
    assert pictures.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert has_image.tolist() == [[1.0]]
    with pytest.raises(DataError, match="no column 'image'"):
        load_pairs(parquet(tmp_path / "b", id=["1"], text=["x"], label=["neutral"]))
    with pytest.raises(DataError, match="row 0: unknown label 'meh'"):
        load_pairs(parquet(tmp_path / "c", **{**good, "label": ["meh"]}))
    with pytest.raises(DataError, match="pair 1: not a picture"):
        prepared(load_pairs(parquet(tmp_path / "d", **{**good, "image": [b"<html>"]})))
    (tmp_path / "e").write_text("no parquet")
    with pytest.raises(DataError, match="not a Parquet file"):
        load_pairs(tmp_path / "e")
    with pytest.raises(DataError, match="no data file"):
        load_pairs(tmp_path / "f")
