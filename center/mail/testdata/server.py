"""A mail server for the tests: takes messages, parses them with Python's own parser, and tells what it read.

usage: server.py starttls|tls|none CERTIFICATE KEY

It writes a JSON object a line to standard output: first its port, then one for each message. It ends when its standard
input does. Recipients and senders whose address begins with a word of "answers" are answered with what stands there.
"""
import asyncio, email, email.policy, json, ssl, sys

from aiosmtpd.smtp import SMTP, AuthResult

answers = {
    "gone": "550 5.1.1 No such mailbox",
    "full": "452 4.2.2 Mailbox full, come back later",
}
full_once = set()


def tell(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("forged"):
            return "553 5.7.1 You may not send from here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        word = address.split("@")[0]
        if word == "busy" and address not in full_once:
            full_once.add(address)
            return "451 4.7.1 Greylisted, try again"
        if word in answers:
            return answers[word]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        defects = [str(d) for part in m.walk() for d in part.defects]
        defects += [str(d) for h in m.values() for d in getattr(h, "defects", [])]
        if b"echo this" in envelope.content:
            return "554 5.6.0 I do not like: " + m.get_body(("plain",)).get_content().replace("\n", " ").encode("ascii", "replace").decode()[:400]
        tell(
            headers=[[k, str(v)] for k, v in m.items()],
            to=[[a.display_name, a.addr_spec] for a in m["To"].addresses],
            sender=[[a.display_name, a.addr_spec] for a in m["From"].addresses],
            text=m.get_body(("plain",)).get_content(), html=m.get_body(("html",)).get_content(),
            defects=defects, rcpts=envelope.rcpt_tos, mail_from=envelope.mail_from,
            user=session.auth_data.decode() if session.auth_data else "", tls=session.ssl is not None or mode == "tls",
            raw=envelope.content.decode("ascii"),
        )
        if "die-after-taking" in envelope.rcpt_tos[0]:
            server.transport.abort()
            return "250 OK"
        return "250 2.0.0 Taken"


def authenticate(server, session, envelope, mechanism, data):
    if (data.login, data.password) == (b"postern", b"right secret"):
        return AuthResult(success=True, auth_data=data.login)
    return AuthResult(success=False, handled=False, message="535 5.7.8 Wrong: " + data.password.decode())


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    options = dict(hostname="mail.example")
    if mode == "starttls":
        options.update(tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)
    if mode == "tls":
        options.update(auth_require_tls=False, auth_required=True, authenticator=authenticate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), loop=loop, **options), "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    tell(port=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)
    sys.stdout.flush()
    import os
    os._exit(0)


mode = sys.argv[1]
asyncio.run(main())
