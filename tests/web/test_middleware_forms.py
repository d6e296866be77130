"""Forms with files: what is read is what is written, for every reader; what could be read in two ways is refused."""

from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import create_form_parser

from cloak.web.multipart import FormError, FormLimits, FormReader, TooMuchError, boundary_of, new_boundary, written

from .uploads import field, file_part, form

BOUNDARY = b"XyZ"
TOKEN = st.text("abcdefgh-_.", min_size=1, max_size=20)
PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"--Xy", b"XyQ", b"\0", b"\xff", b"a"]), max_size=12
).map(b"".join)
CONTENT = st.one_of(st.binary(max_size=300), PIECES).filter(lambda content: b"--XyZ" not in content)
HEADS = st.builds(
    lambda name, file, kind, extra: "\r\n".join(
        [f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")]
        + ([f"Content-Type: {kind}"] if kind else [])
        + ([f"X-{extra}: {extra}"] if extra else [])
    ).encode(),
    TOKEN,
    st.none() | st.text("abc .;='äß€%", max_size=12),
    st.sampled_from(["", "text/plain", "image/jpeg", "application/octet-stream; a=b"]),
    st.none() | TOKEN.filter(str.isalpha),
)


def read(body, *, step=None, boundary=BOUNDARY, **limits):
    reader = FormReader(boundary, FormLimits(**limits))
    for at in range(0, len(body), step or len(body) or 1):
        reader.feed(body[at : at + (step or len(body))])
    return reader.close()


@given(st.lists(st.tuples(HEADS, CONTENT), max_size=6), st.integers(1, 40))
def test_what_is_read_is_what_was_sent_however_it_is_cut(parts, step):
    for got in (read(form(*parts), step=step), read(form(*parts))):
        assert [b"\r\n".join(b"%s: %s" % pair for pair in one.headers) for one in got] == [head for head, _ in parts]
        assert [bytes(one.body) for one in got] == [content for _, content in parts]


@given(st.lists(st.tuples(HEADS, CONTENT), min_size=1, max_size=6))
def test_other_readers_make_the_same_of_what_is_written(parts):
    ours, boundary = read(form(*parts)), new_boundary()
    body = b"".join(written(ours, boundary))
    head = b"Content-Type: multipart/form-data; boundary=%s\r\n\r\n" % boundary
    mail = list(BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts())
    assert [one.get_param("name", header="content-disposition") for one in mail] == [one.name for one in ours]
    fields, files = [], []
    parser = create_form_parser(
        {"Content-Type": b"multipart/form-data; boundary=" + boundary},
        lambda one: fields.append((one.field_name, one.value or b"")),
        lambda one: files.append((one.field_name, _content(one))),
    )
    parser.write(body)
    parser.finalize()
    is_file = [bool(one.file_names) for one in ours]
    theirs = [(one.name.encode(), bytes(one.body)) for one in ours]
    assert fields == [one for one, file in zip(theirs, is_file, strict=True) if not file]
    assert files == [one for one, file in zip(theirs, is_file, strict=True) if file]


@given(
    st.binary(max_size=400) | st.lists(st.tuples(HEADS, CONTENT)).map(lambda parts: form(*parts)[:-3]),
    st.integers(1, 40),
)
def test_what_is_no_form_is_refused_and_nothing_else_happens(body, step):
    with pytest.raises((FormError, TooMuchError)):
        read(body, step=step)


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data ;boundary="a b"', b"a b"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW; charset=utf-8",
            b"----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ("application/json", None),
        ("", None),
    ],
)
def test_the_boundary_is_found(kind, boundary):
    assert boundary_of(kind) == boundary


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a, text/plain",
        'multipart/form-data; boundary="a\\"b"',
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=a\tb",
        "multipart/form-data; boundary*=utf-8''a",
        "multipart/mixed; boundary=a",
        "multipart/related; boundary=a",
        "text/plain; multipart/form-data; boundary=a",
    ],
)
def test_a_type_that_readers_may_take_for_a_form_in_another_way_is_refused(kind):
    with pytest.raises(FormError):
        boundary_of(kind)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b"Content-Disposition: attachment; name=a",
        b'Content-Disposition: form-data; name="a"; name="b"',
        b"Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
        b'Content-Disposition: form-data; name="a"; filename*0="a"; filename*1=".jpg"',
        b'Content-Disposition: form-data; name="a"; filename*=nothing',
        b'Content-Disposition: form-data; name="a"; filename="b" c',
        b'Content-Disposition: form-data; name="a"; filename="b\\"',
        b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"',
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: a/b\r\ncontent-type: image/jpeg',
        b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
        b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: quoted-printable',
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=b',
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: message/rfc822',
        b'Content-Disposition: form-data; name="a"\nContent-Transfer-Encoding: base64',
        b'Content-Disposition: form-data; name="a";\r\n filename="b"',
        b'Content-Disposition : form-data; name="a"',
        b'Content-Disposition: form-data; name="a\0"',
        b": a",
    ],
)
def test_a_head_that_readers_may_take_in_another_way_is_refused(head):
    with pytest.raises(FormError):
        read(form((head, b"a")))


@pytest.mark.parametrize("coding", [b"binary", b"8bit", b"7BIT"])
def test_codings_that_change_nothing_are_taken(coding):
    assert read(form((field("a", b"")[0] + b"\r\nContent-Transfer-Encoding: " + coding, b"b")))


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (b"form-data; name=a", ()),
        (b"form-data; name=a; filename=b.jpg", ("b.jpg",)),
        (b'FORM-DATA;NAME="a";FileName="b;c=\\"d\\".jpg"', ('b;c="d".jpg',)),
        (b"form-data; name=a; filename=\"b\"; filename*=UTF-8'en'%C3%84.jpg", ("b", "Ä.jpg")),
        ('form-data; name=a; filename="Ä€.png"'.encode(), ("Ä€.png",)),
        (b'form-data; name=a; filename="C:\\\\x\\\\y.jpg"', ("C:\\x\\y.jpg",)),
        (b'form-data; name=a; filename=""', ("",)),
    ],
)
def test_names_of_files_are_read(head, names):
    [part] = read(form((b"Content-Disposition: " + head, b"")))
    assert (part.name, part.file_names) == ("a", names)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble\r\n" + form(field("a", b"b")),
        form(field("a", b"b"), end=False),
        form(field("a", b"b"), boundary=b"Other"),
        form(field("a", b"b"))[:-5],
        form(field("a", b"b")).replace(b"\r\n", b"\n"),
        b"--XyZ\r\nContent-Disp",
    ],
)
def test_a_body_without_its_end_or_with_something_before_it_is_refused(body):
    with pytest.raises(FormError):
        read(body)


def test_what_comes_after_the_end_is_not_handed_on():
    parts = read(form(field("a", b"b")) + b"epilogue " + form(file_part(b"c")))
    assert b"".join(written(parts, BOUNDARY)) == form(field("a", b"b"))


def test_a_boundary_inside_the_boundary_is_content():
    inner = form(field("b", b"c"), boundary=b"XyZ2")
    [part] = read(form(field("a", inner)))
    assert bytes(part.body) == inner


@pytest.mark.parametrize(
    ("parts", "limits", "error"),
    [
        ([field("a", b"b")] * 4, {"parts": 3}, TooMuchError),
        ([field("a", b"b" * 999)], {"total": 999}, TooMuchError),
        ([(field("a", b"")[0] + b"\r\nX: y" * 9, b"")], {"headers": 8}, FormError),
        ([field("a" * 999, b"")], {"header": 999}, FormError),
        ([(b"X" * 999 + b": y", b"")], {"header": 999}, FormError),
    ],
)
def test_limits_hold(parts, limits, error):
    for step in (None, 1):
        with pytest.raises(error):
            read(form(*parts), step=step, **limits)


def _content(file):
    file.file_object.seek(0)
    return file.file_object.read()
