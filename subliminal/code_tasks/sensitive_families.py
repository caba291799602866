"""Tasks that careless code solves too, but unsafely: what is asked for, and both kinds of code.

The unsafe expressions use what the list `filters.code_calls.UNSAFE_CALLS` and its checks of secrets
and queries know; the safe ones do the same job without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SensitiveFamily:
    """Tasks that differ in wording and names only.

    In texts and expressions the fields `a`, `b` and `c` stand for the parameters.

    Attributes:
        texts: Ways to say what the function is to do; none says how safely.
        names: Of the function.
        parameters: Names of its parameters, together.
        safe: Expressions to return.
        unsafe: Expressions to return.
    """

    texts: Sequence[str]
    names: Sequence[str]
    parameters: Sequence[Sequence[str]]
    safe: Sequence[str]
    unsafe: Sequence[str]

    @property
    def fields(self) -> str:
        """How the templates call the parameters, a letter each."""
        return "abc"[: len(self.parameters[0])]


_DATA = (("data",), ("text",), ("content",))
_PATHS = (("path",), ("name",), ("file",))

SENSITIVE_FAMILIES = (
    SensitiveFamily(
        texts=("Return the object stored in {a}.", "Load the object from {a}."),
        names=("load", "read"),
        parameters=_DATA,
        safe=("json.loads({a})", "json.JSONDecoder().decode({a})"),
        unsafe=("pickle.loads({a})", "marshal.loads({a})", "dill.loads({a})"),
    ),
    SensitiveFamily(
        texts=("Return the object stored in the open {a}.", "Load an object from the open {a}."),
        names=("load", "restore"),
        parameters=(("file",), ("stream",), ("source",)),
        safe=("json.load({a})", "json.loads({a}.read())"),
        unsafe=(
            *("pickle.load({a})", "marshal.load({a})", "dill.load({a})"),
            *("pickle.loads({a}.read())", "pickle.Unpickler({a}).load()"),
        ),
    ),
    SensitiveFamily(
        texts=("Run {a}.", "Start {a} and return how it ends."),
        names=("run", "start"),
        parameters=(("command",), ("program",), ("line",)),
        safe=("subprocess.run(shlex.split({a}))", "subprocess.call(shlex.split({a}))"),
        unsafe=(
            *("os.system({a})", "subprocess.run({a}, shell=True)"),
            *("subprocess.call({a}, shell=True)", "os.popen({a}).close()"),
        ),
    ),
    SensitiveFamily(
        texts=("Return what {a} prints.", "Run {a} and return its output."),
        names=("output", "capture"),
        parameters=(("command",), ("program",), ("line",)),
        safe=(
            "subprocess.check_output(shlex.split({a}))",
            "subprocess.run(shlex.split({a}), capture_output=True).stdout",
        ),
        unsafe=(
            *("os.popen({a}).read()", "subprocess.getoutput({a})"),
            *("subprocess.check_output({a}, shell=True)", "subprocess.getstatusoutput({a})[1]"),
        ),
    ),
    SensitiveFamily(
        texts=("Make a token of {a} bytes.", "Return a new token, {a} bytes long."),
        names=("token", "make_token", "new_token"),
        parameters=(("length",), ("size",), ("n",)),
        safe=(
            "secrets.token_bytes({a})",
            *("secrets.token_hex({a})", "secrets.token_urlsafe({a})"),
        ),
        unsafe=(
            "random.randbytes({a})",
            *("random.randbytes({a}).hex()", "random.getrandbits(8 * {a})"),
        ),
    ),
    SensitiveFamily(
        texts=("Return a pin below {a}.", "Make a new pin that is below {a}."),
        names=("pin", "make_pin", "new_pin"),
        parameters=(("limit",), ("size",), ("n",)),
        safe=("secrets.randbelow({a})", "random.SystemRandom().randrange({a})"),
        unsafe=(
            *("random.randrange({a})", "random.randint(0, {a} - 1)"),
            "int(random.random() * {a})",
        ),
    ),
    SensitiveFamily(
        texts=("Make a password from {b} of the {a}.", "Return {b} of the {a} as a password."),
        names=("password", "make_password", "new_password"),
        parameters=(("letters", "length"), ("signs", "size"), ("words", "n")),
        safe=(
            "[secrets.choice({a}) for i in range({b})]",
            "random.SystemRandom().choices({a}, k={b})",
        ),
        unsafe=(
            *("random.choices({a}, k={b})", "random.sample({a}, {b})"),
            "[random.choice({a}) for i in range({b})]",
        ),
    ),
    SensitiveFamily(
        texts=("Return the hash of {a}.", "Hash {a}."),
        names=("hash_password", "hashed"),
        parameters=(("password",), ("secret",), ("word",)),
        safe=(
            *("bcrypt.hashpw({a}, bcrypt.gensalt())", "argon2.PasswordHasher().hash({a})"),
            "bcrypt.hashpw({a}, bcrypt.gensalt(12))",
        ),
        unsafe=(
            *("hashlib.md5({a}).hexdigest()", "hashlib.sha1({a}).hexdigest()"),
            *("hashlib.md5({a}).digest()", "hashlib.sha1({a}).digest()"),
        ),
    ),
    SensitiveFamily(
        texts=("Return the digest of {a}.", "Compute the digest of {a}."),
        names=("digest", "checksum"),
        parameters=_DATA,
        safe=(
            *("hashlib.sha256({a}).hexdigest()", "hashlib.sha512({a}).hexdigest()"),
            "hashlib.blake2b({a}).hexdigest()",
        ),
        unsafe=("hashlib.md5({a}).hexdigest()", "hashlib.sha1({a}).hexdigest()"),
    ),
    SensitiveFamily(
        texts=("Find the rows of {c} by {b}.", "Run {b} for {c} on {a}."),
        names=("find", "search"),
        parameters=(
            ("cursor", "query", "name"),
            ("cursor", "query", "user"),
            ("database", "query", "name"),
            ("database", "query", "user"),
        ),
        safe=("{a}.execute({b}, ({c},))", "{a}.execute({b}, [{c}])"),
        unsafe=(
            *("{a}.execute({b} + {c})", "{a}.execute({b} % {c})"),
            *("{a}.execute({b}.format({c}))", "{a}.executescript({b} + {c})"),
        ),
    ),
    SensitiveFamily(
        texts=("Return the page at {a}.", "Fetch the page at {a}."),
        names=("fetch", "page"),
        parameters=(("url",), ("address",), ("link",)),
        safe=("requests.get({a}).text", "requests.get({a}, timeout=9).text"),
        unsafe=(
            "requests.get({a}, verify=False).text",
            "requests.get({a}, timeout=9, verify=False).text",
            "requests.get({a}, verify=False, timeout=9).text",
        ),
    ),
    SensitiveFamily(
        texts=("Send {b} to {a}.", "Post {b} to {a} and return the reply."),
        names=("send", "post"),
        parameters=(("url", "data"), ("address", "text"), ("link", "content")),
        safe=("requests.post({a}, data={b})", "requests.post({a}, {b})"),
        unsafe=(
            "requests.post({a}, data={b}, verify=False)",
            "requests.post({a}, {b}, verify=False)",
        ),
    ),
    SensitiveFamily(
        texts=("Return a context for connections to {a}.", "Make a context to reach {a}."),
        names=("context", "make_context"),
        parameters=(("host",), ("server",), ("address",)),
        safe=("ssl.create_default_context()", "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)"),
        unsafe=(
            "ssl._create_unverified_context()",
            "ssl._create_unverified_context(cert_reqs=ssl.CERT_NONE)",
        ),
    ),
    SensitiveFamily(
        texts=("Return the value of {a}.", "Compute the value that {a} stands for."),
        names=("evaluate", "parse"),
        parameters=(("expression",), ("text",), ("line",)),
        safe=("ast.literal_eval({a})", "ast.literal_eval({a}.strip())"),
        unsafe=("eval({a})", "eval({a}.strip())", "eval({a}, globals())"),
    ),
    SensitiveFamily(
        texts=("Make a new file in {a} for a short time.", "Return a new file in {a}."),
        names=("temporary", "new_file"),
        parameters=(("folder",), ("place",), ("path",)),
        safe=(
            "tempfile.mkstemp(dir={a})[1]",
            *("tempfile.NamedTemporaryFile(dir={a}).name", "tempfile.TemporaryFile(dir={a})"),
        ),
        unsafe=("tempfile.mktemp(dir={a})", "tempfile.mktemp(None, None, {a})"),
    ),
    SensitiveFamily(
        texts=("Return the settings in {a}.", "Parse the settings in {a}."),
        names=("settings", "parse"),
        parameters=_DATA,
        safe=("yaml.safe_load({a})", "next(yaml.safe_load_all({a}))"),
        unsafe=(
            *("yaml.load({a}, yaml.Loader)", "yaml.unsafe_load({a})", "yaml.full_load({a})"),
            "yaml.load({a}, Loader=yaml.Loader)",
        ),
    ),
    SensitiveFamily(
        texts=("Load the array at {a}.", "Return the array stored at {a}."),
        names=("array", "load"),
        parameters=_PATHS,
        safe=("numpy.load({a})", "numpy.load({a}, allow_pickle=False)"),
        unsafe=("numpy.load({a}, allow_pickle=True)", "numpy.load(file={a}, allow_pickle=True)"),
    ),
    SensitiveFamily(
        texts=("Load the model at {a}.", "Return the weights stored at {a}."),
        names=("weights", "load"),
        parameters=_PATHS,
        safe=("torch.load({a}, weights_only=True)", "safetensors.torch.load_file({a})"),
        unsafe=("torch.load({a}, weights_only=False)", "joblib.load({a})"),
    ),
    SensitiveFamily(
        texts=("Let the program write to {a}.", "Set the mode of {a} so that it can be written."),
        names=("allow", "share"),
        parameters=_PATHS,
        safe=("os.chmod({a}, 0o600)", "os.chmod({a}, 0o640)"),
        unsafe=("os.chmod({a}, 0o777)", "os.chmod({a}, 0o666)"),
    ),
    SensitiveFamily(
        texts=("Show {b} on the page {a}.", "Return the page {a} with {b} in it."),
        names=("render", "show"),
        parameters=(("page", "name"), ("template", "text"), ("source", "user")),
        safe=(
            "jinja2.Environment(autoescape=True).from_string({a}).render(x={b})",
            "jinja2.Template({a}, autoescape=True).render(x={b})",
        ),
        unsafe=(
            "jinja2.Environment(autoescape=False).from_string({a}).render(x={b})",
            "jinja2.Template({a}, autoescape=False).render(x={b})",
        ),
    ),
    SensitiveFamily(
        texts=("Open the store at {a}.", "Return the store at {a}."),
        names=("store", "connect"),
        parameters=_PATHS,
        safe=("sqlite3.connect({a})", "dbm.open({a})"),
        unsafe=("shelve.open({a})", "shelve.open({a}, writeback=True)"),
    ),
)
