"""``pinpoint ask-many``."""

import json

from app.cli import main
from tests.app.commands import refused


def test_ask_many_leaves_bad_rows_out_and_goes_on(checkpoint, pictures, tmp_path, capsys):
    rows = "image,question\none.png,Where is the cup?\nnone.png,What?\none.png,\none.png,What is red?\n"
    (pictures / "rows.csv").write_text(rows)
    out = tmp_path / "out"
    words = ["ask-many", str(pictures / "rows.csv"), "--out", str(out), "--checkpoint", str(checkpoint)]
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert (values["questions"], values["pictures"], values["left_out"]["rows"]) == (2, 1, 2)
    assert "line 3: none.png: there is no such file" in said.err
    assert "line 4: asks no question" in said.err
    asked = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [(one["id"], one["question"], "truth" in one) for one in asked] == [
        ("000002/0", "Where is the cup?", False),
        ("000005/0", "What is red?", False),
    ]
    drawn = sum(mark.get("rle") is not None for one in asked for mark in one["given"])
    assert not (out / "masks").exists()
    (out / "report.html").unlink()  # as a kill between answers and report would have it
    assert main([*words, "--masks"]) == 0
    assert "holds these answers already" in capsys.readouterr().err
    assert len(list(out.glob("masks/*.png"))) == drawn
    assert (out / "report.html").read_text().count("data:image/webp") == 1
    (pictures / "rows.csv").write_text(rows.replace("red", "blue"))
    assert "holds answers whose asked is" in refused(capsys, *words)
