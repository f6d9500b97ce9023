"""How a desk's computer comes to trust this server's certificate: three steps and the authority's file."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template

from hotline.settings import settings

room = Blueprint("trust", __name__)


@room.get("/trust")
def guide() -> str:
    return render_template("trust.html")


@room.get("/trust/1022.crt")
def authority() -> Response:
    """The local authority's certificate; 404 where the installation has one of its own."""
    path = settings().tls / "ca.pem"
    if settings().certificate or not path.exists():
        abort(404)
    answer = Response(path.read_bytes(), content_type="application/x-x509-ca-cert")
    answer.headers["Content-Disposition"] = 'attachment; filename="1022.crt"'
    return answer
