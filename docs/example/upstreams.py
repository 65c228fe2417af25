"""The three upstreams of three-sources.toml, on 127.0.0.1:8100. Ctrl-C ends them.

A customer whose id begins with `new` has no account; one that begins with `slow` has tickets
that take three seconds.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Upstreams(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    wbufsize = -1  # head and body in one write

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path.startswith("/accounts/"):
            self.account(url.path.removeprefix("/accounts/"), query)
        elif url.path == "/invoices":
            self.invoices(query)
        else:
            self.reply(404, {"error": "no such path"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/tickets/search":
            return self.reply(404, {"error": "no such path"})
        customer = json.loads(body)["customer"]
        if customer.startswith("slow"):
            time.sleep(3)
        self.reply(200, [{"id": "t-7", "customer": customer, "status": "open"}])

    def account(self, customer, query):
        if not self.headers.get("X-API-Key"):
            return self.reply(401, {"error": "no key"})
        if customer.startswith("new"):
            return self.reply(404, {"error": "no such account"})
        language = query.get("language", ["not asked for"])[0]
        self.reply(200, {"id": customer, "tier": "gold", "language": language})

    def invoices(self, query):
        if "cursor" not in query:
            self.reply(200, {"results": [{"no": 1, "total": 12.50}], "nextCursor": "p2"})
        else:
            self.reply(200, {"results": [{"no": 2, "total": 7.00}], "nextCursor": None})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


try:
    print("upstreams on http://127.0.0.1:8100", flush=True)
    ThreadingHTTPServer(("127.0.0.1", 8100), Upstreams).serve_forever()
except KeyboardInterrupt:
    pass
