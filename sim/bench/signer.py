"""Ed25519 keys of the bench's own: a root, a server, edges. They sign as the product's do (docs/interfaces.md, Key files)."""

from edge.keys import Bundle, BundleFile, edge_kid, make_private_key, server_kid


class Signer:
    """One key pair. ``kid``: by which its signatures name it."""

    def __init__(self, kid: str) -> None:
        self.private_key, self.public_key = make_private_key()
        self.kid = kid
        holder = "bench"
        file = BundleFile(
            site=holder, edge=holder, epoch=1, kid=edge_kid(holder), private_key=self.private_key,
            root_public_key=self.public_key, hash_key="00" * 32,
        )  # fmt: skip
        self.sign = Bundle(file, "bench").sign


def root() -> Signer:
    """The offline root of a site."""
    return Signer("root")


def server() -> Signer:
    """A server's key; its kid is bound to it."""
    made = Signer("")
    made.kid = server_kid(bytes.fromhex(made.public_key))
    return made
