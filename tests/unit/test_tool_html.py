"""HTML as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.drivers.http import readable

PAGE = """<!doctype html><html><head><title>A &amp; B</title><style>p {color: red}</style>
<script>if (a < b) alert("</p>")</script></head><body><nav><a href="/">Home</a></nav>
<h1>Head\n line</h1><p>One <b>two</b>,\n  three<br>four. <a href="/x?a=1">link</a>
<a href="#y">here</a></p><ul><li>first<li>second</ul>
<table><tr><th>k<th>v</tr><tr><td>1</td><td>2</td></tr></table>
<pre>  keep\n    this</pre><img alt="a cat" src="c.png"><footer>bye</footer></body></html>"""


def test_a_page() -> None:
    assert readable(PAGE, "https://example.org/docs/") == (
        "# A & B\n\n# Head line\n\nOne two, three\nfour. [link](https://example.org/x?a=1) here\n\n"
        "- first\n- second\n\nk | v\n1 | 2\n\n  keep\n    this\n\n[a cat]"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>a<p>b", "a\n\nb"),
        ("<nav>only this", "only this"),
        ("<script>never ends", ""),
        ("<div><div>deep</div></div>text", "deep\ntext"),
        ("</p></nav>x &lt;y&gt; &#233;", "x <y> é"),
        ('<a href="javascript:evil()">x</a>', "x"),
    ],
)
def test_pieces(html: str, text: str) -> None:
    assert readable(html) == text


@given(st.text(alphabet='<>/ap!- &;="\n\x00', max_size=80))
def test_anything_is_read(html: str) -> None:
    assert isinstance(readable(html), str)
