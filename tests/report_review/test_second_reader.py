"""The second reader against a local fake server: exact quotes alone are kept, and no score can change."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from photopeak.report_review.audit import audited
from photopeak.report_review.score import score
from photopeak.report_review.second_reader import SecondReaderError, second_reading
from photopeak.text import TextDocument

TEXT = "18F-FDG PET/CT\n所见：右肺上叶结节，SUVmax 5.1。\n印象：左肺上叶结节，考虑恶性。"


@pytest.fixture
def server():
    asked = []

    class Fake(BaseHTTPRequestHandler):
        said = ""

        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = json.dumps({"choices": [{"message": {"content": Fake.said}}]}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/v1", Fake, asked
    http.shutdown()


def test_only_known_codes_with_exact_quotes_are_kept(server):
    address, fake, asked = server
    fake.said = json.dumps({"candidates": [
        {"code": "LATERALITY_MISMATCH", "quotes": ["右肺上叶结节", "左肺上叶结节"]},
        {"code": "LATERALITY_MISMATCH", "quotes": ["左肺 上叶结节"]},
        {"code": "MADE_UP", "quotes": ["右肺上叶结节"]},
        {"code": "TYPO", "quotes": []},
        "nonsense",
    ]})  # fmt: skip
    found = second_reading(TEXT, address=address, model="local")
    assert [one.code for one in found.candidates] == ["LATERALITY_MISMATCH"]
    assert [TEXT[start:end] for start, end in found.candidates[0].spans] == ["右肺上叶结节", "左肺上叶结节"]
    assert found.dropped == 4
    assert asked[0]["messages"][1]["content"] == TEXT
    assert len(found.prompt_sha256) == 64


def test_a_score_does_not_change(server):
    address, fake, _ = server
    before = audited(TextDocument(text=TEXT, format="txt"))
    fake.said = json.dumps({"candidates": [{"code": "SEX_ORGAN", "quotes": ["右肺"]}]})
    second_reading(TEXT, address=address, model="local")
    after = audited(TextDocument(text=TEXT, format="txt"))
    assert after == before
    assert score(after.elements) == score(before.elements)


@pytest.mark.parametrize("said", ["no json", "{}", '{"candidates": 3}'])
def test_an_answer_of_another_form_is_refused_or_empty(server, said):
    address, fake, _ = server
    fake.said = said
    if "3" in said:
        assert second_reading(TEXT, address=address, model="local").candidates == ()
    else:
        with pytest.raises(SecondReaderError):
            second_reading(TEXT, address=address, model="local")


def test_an_address_that_is_none_or_silent_is_an_error():
    for address in ("file:///etc/passwd", "http://127.0.0.1:9/v1"):
        with pytest.raises(SecondReaderError):
            second_reading(TEXT, address=address, model="local", timeout=2)
