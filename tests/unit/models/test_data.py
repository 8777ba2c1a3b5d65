"""Data as published and at hand; what is wrong with it is named, what is dropped counted."""

from __future__ import annotations

import io
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from models.data import MVSA_PAIRS, DataError, held_back, load_pairs, load_tweets, prepared
from models.describe import describe
from models.folds import across, copies, cross_fold_copies, folds, groups, text_key
from models.picture import PictureError, decode, perceptual_hash, prepare
from models.published import download, load, load_manifest, load_mvsa, majority, merged
from models.signature import IMAGE_SIZE, LABELS

NEG, NEU, POS = range(3)


def picture(seed: int = 0, size: tuple[int, int] = (60, 50), format_: str = "JPEG") -> bytes:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
    out = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(out, format_)
    return out.getvalue()


def parquet(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


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


def test_tweets_are_split_by_their_words_alone(tmp_path: Path) -> None:
    texts = [f"tweet number {n} about something" for n in range(400)]
    path = parquet(
        tmp_path / "t",
        text=[*texts, "RT @a: Tweet number 0 about something! http://x"],
        label=["neutral"] * 401,
    )
    tweets = load_tweets(path)
    assert sum(tweets.dropped.values()) == 1
    assert 20 <= len(tweets.part("test")[0]) <= 60
    for text, split in zip(tweets.texts, tweets.split, strict=True):
        assert held_back(text_key(text)) == split
    fewer = load_tweets(path, without=texts[:50])
    assert len(fewer.texts) == 350


def test_copies_never_stand_on_two_sides_of_a_fold() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 600, p=[0.3, 0.1, 0.6])
    texts = [f"some words of text {i % 450}" for i in range(600)]
    group = groups(600, copies(texts))
    for seed in (0, 1):
        tested: list[int] = []
        for fold in folds(labels, group, seed=seed):
            assert cross_fold_copies(fold, group) == 0
            assert sorted([*fold.train, *fold.dev, *fold.test]) == list(range(600))
            assert len(fold.test) == pytest.approx(60, abs=6)
            assert np.bincount(labels[fold.test])[NEU] == pytest.approx(6, abs=3)
            tested += fold.test.tolist()
        assert len(tested) == len(set(tested))
    first, again = (folds(labels, group, seed=3)[0].test for _ in range(2))
    assert (first == again).all()


def test_a_picture_is_recognised_when_resized_and_recompressed() -> None:
    original = decode(picture(5, (300, 280)))
    out = io.BytesIO()
    Image.fromarray(original).resize((150, 140)).save(out, "JPEG", quality=60)
    hashes = np.stack([perceptual_hash(p) for p in (original, decode(out.getvalue()))])
    other = np.stack([perceptual_hash(decode(picture(seed))) for seed in range(6, 26)])
    found = copies([""] * 22, np.concatenate([hashes, other]))
    assert found == [(0, 1, "picture")]
    assert across(["train", "dev"] + ["train"] * 20, found) == found


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (30, 40), 128),
        Image.new("CMYK", (30, 40)),
        Image.new("RGBA", (30, 40), (255, 0, 0, 0)),
        Image.new("P", (30, 40)),
        Image.new("LA", (30, 40)),
        Image.new("I;16", (30, 40), 40_000),
        Image.new("1", (1, 1)),
        Image.new("RGB", (20_000, 10)),
    ],
    ids=lambda image: f"{image.mode}-{image.width}x{image.height}",
)
def test_every_kind_of_picture_is_prepared(image: Image.Image) -> None:
    out = io.BytesIO()
    image.save(out, "TIFF")
    prepared_picture = prepare(decode(out.getvalue()))
    assert prepared_picture.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert prepared_picture.dtype == np.uint8


def test_transparent_is_white_and_an_animation_its_first_frame() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(out, "PNG")
    assert (decode(out.getvalue()) == 255).all()
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert decode(out.getvalue())[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


@pytest.mark.parametrize("data", [b"", b"<html>", picture()[:200], b"\x89PNG\r\n\x1a\n"])
def test_a_broken_picture_is_named(data: bytes) -> None:
    with pytest.raises(PictureError, match="picture"):
        decode(data)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    with pytest.raises(PictureError, match="too large: 9000 x 9000"):
        decode(out.getvalue())


@pytest.mark.parametrize("side", [224, 320, 448, 300, 100, 1])
def test_area_means_when_shrinking_and_linear_when_enlarging(side: int) -> None:
    rng = np.random.default_rng(side)
    square = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    ours = prepare(square).astype(np.int64)
    assert ours.mean() == pytest.approx(square.mean(), abs=3)
    if side == 2 * IMAGE_SIZE:
        blocks = square.reshape(IMAGE_SIZE, 2, IMAGE_SIZE, 2, 3).mean(axis=(1, 3))
        assert np.abs(ours - blocks).max() <= 0.5 + 1e-3
    if side in (1, 100):  # a linear filter of Pillow's, from the outside
        theirs = Image.fromarray(square).resize((224, 224), Image.Resampling.BILINEAR)
        assert np.abs(ours - np.asarray(theirs)).mean() < 1.0


@pytest.mark.slow
@pytest.mark.skipif(not MVSA_PAIRS.is_file(), reason="no ../shared/data")
def test_the_data_at_hand() -> None:
    pairs = load_pairs()
    assert np.bincount(pairs.labels).tolist() == [1187, 414, 2364]
    assert len(LABELS) == 3
    found = across(pairs.split, copies(pairs.texts))
    assert found, "the published split has copies across its parts"
    tweets = load_tweets(without=pairs.texts)
    keys = {text_key(text) for text in pairs.texts}
    assert not [text for text in tweets.part("train")[0] if text_key(text) in keys]


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


def test_the_data_is_described(tmp_path: Path) -> None:
    count = 60
    columns = {
        "id": [str(n) for n in range(count)],
        "text": [f"a text of its own {max(n, 2)}" for n in range(count)],
        "label": [LABELS[n % 3] for n in range(count)],
        "image": [picture(max(n, 1)) for n in range(count)],
        "split": ["train"] * 2 + ["dev"] * (count - 2),
    }
    found = describe(load_pairs(parquet(tmp_path / "a", **columns)))
    assert found["pairs"] == {"negative": 20, "neutral": 20, "positive": 20, "all": 60}
    assert found["copies"] == {"text": 2, "picture": 1}
    assert found["copies_across_published_split"] == {"text": 1}
    assert found["copies_across_folds"] == 0
