"""All errors of kubetasks, as one tree.

Each error says what happened, why, and what to type next, and has its own exit code::

    KubetasksError                 1
    ├── SettingsError              2   a key of invoke.yaml, the environment or the schema
    ├── UsageError                 3   a flag's value
    ├── ToolError
    │   ├── ToolMissing           10   an external program is not installed
    │   ├── EngineDown            11   the container engine does not answer
    │   ├── ToolFailed            12   an external program exited with an unexpected error
    │   └── ToolTimeout           13   an external program took longer than its limit
    ├── ClusterError
    │   ├── KubeconfigError       20   the kubeconfig is missing, empty or not a kubeconfig
    │   │   ├── KubeconfigDenied  86   the kubeconfig, or a file that it names, cannot be read
    │   │   ├── WindowsPath       87   the kubeconfig names a file by a Windows path
    │   │   ├── EntryDamaged      88   an entry of the kubeconfig is missing, duplicate or damaged
    │   │   └── ServerInvalid     89   the API server's URL is empty or invalid
    │   ├── ContextNotFound       21   the kubeconfig has no such context
    │   ├── ContextRefused        22   kubetasks refuses to use the context
    │   ├── NoContact
    │   │   ├── ClusterUnreachable 23  no connection to the API server
    │   │   ├── Unauthorized      27   the API server does not accept the credentials
    │   │   ├── PluginFailed      29   the credential plugin is missing or failed
    │   │   ├── Untrusted         80   the API server's certificate is from an unknown authority
    │   │   ├── Expired           81   the API server's certificate has expired or is not valid yet
    │   │   ├── WrongName         82   the API server's certificate is for another host
    │   │   ├── NoTls             84   no TLS connection: plain HTTP, or a handshake that failed
    │   │   └── ProxyInTheWay     85   a proxy, or something else that is not Kubernetes, answered
    │   ├── NamespaceTerminating  24   the namespace is still being deleted
    │   ├── DeployLocked          25   another command is changing the same namespace
    │   ├── ClusterCreateFailed   26   cluster.up did not produce a Ready cluster
    │   ├── Forbidden             28   the user is not allowed to do this in the cluster
    │   └── NotEffective          83   a change was reported as done, but the cluster does not show it
    ├── ImageError
    │   ├── DockerfileMissing     30   a Dockerfile or a build context does not exist
    │   ├── BuildFailed           31   docker build failed
    │   ├── DeliveryFailed        32   an image did not reach the nodes
    │   ├── DiskFull              33   no space left
    │   ├── RegistryMissing       34   a remote cluster needs a registry setting
    │   ├── ContextUnusable       35   a file of a build context cannot be sent to the builder
    │   ├── SecretInImage         36   a secret would be copied into an image
    │   ├── SourceChanged         37   the source changed while it was being built
    │   ├── ImageReplaced         38   an image does not have the content that its name stands for
    │   └── ImageUnused           72   no object uses the image of a service
    ├── SecretError
    │   ├── EnvFileError          40   the env file is missing or malformed
    │   ├── SecretMissing         41   required secrets have no value
    │   ├── SecretUnusable        42   a secret's value cannot be what its setting says
    │   ├── SecretInVolume        43   a generated secret is missing, but a volume needs it
    │   ├── SecretNotOurs         67   a Secret of that name belongs to something else
    │   └── SecretCommandFailed   68   the command that gives a secret's value failed
    ├── LineEndings               44   a script has Windows line endings
    ├── WrongArchitecture         45   an image would be built for an architecture that no node has
    ├── DeployError
    │   ├── RenderFailed          50   the manifests or the chart do not render
    │   ├── ChartUnavailable      69   a chart cannot be pulled from its repository, or is another one
    │   ├── ApplyFailed           51   the cluster refused an object
    │   │   └── ImmutableField    73   a field was changed that cannot be changed
    │   ├── RolloutFailed         52   a workload is in a state that cannot heal
    │   ├── RolloutTimeout        53   a workload was not ready by the deadline
    │   ├── NothingToRollBack     54   there is no earlier good revision
    │   ├── DeletionHeld          55   the deletion of an object is blocked or was rejected
    │   ├── RecordFailed          56   the record of a revision could not be written
    │   ├── RecordDamaged         57   the record of a revision cannot be used
    │   ├── LockLost              58   the deploy lock was lost; nothing was written after that
    │   └── LockUnusable          59   the deploy lock cannot be acquired
    ├── HookFailed                74   a hook of the application failed
    ├── VerifyFailed              60   one of verify's checks failed
    ├── TroubleFound              61   diagnose: there is a problem with a known cause
    ├── TroubleUnknown            62   diagnose: there is a problem that no rule recognizes
    ├── InitError
    │   ├── InitNothing           64   init: nothing in the folder can be read
    │   ├── InitExists            65   init: a configuration already exists
    │   └── InitUnusable          66   init: what was read is not enough for a configuration
    ├── StateUnavailable          39   there is no folder for the state of local deployments
    ├── LocalError
    │   ├── PortInUse             70   a loopback port of the local target is taken
    │   └── SupervisorFailed      71   the process supervisor did not start or answer
    ├── ModelError
    │   ├── ModelMissing          90   the command needs a model, and none is configured
    │   ├── KeyMissing            91   the model's endpoint needs a key, and it has no value
    │   ├── KeyRefused            92   the model's endpoint rejects the key
    │   ├── QuotaExceeded         93   the model's endpoint rejects more requests
    │   ├── ModelUnreachable      94   no connection to the model's endpoint
    │   ├── ModelFailed           95   the model's endpoint failed, or does not speak the OpenAI protocol
    │   ├── EmptyAnswer           96   the model's answer is empty
    │   ├── ModelTimeout          97   the model did not answer in time
    │   └── SendLimit             99   a question reached its limit for sent data
    ├── SandboxMissing            98   there is no sandbox for kubectl-ai
    ├── AiopsToolError
    │   ├── ExtraMissing         100   the packages of the extra `aiops` are not installed
    │   ├── ScanFound            101   image.scan or chart.score has findings that must be fixed
    │   ├── KagentMissing        102   kagent, or our agent, is not installed in the cluster
    │   ├── KagentUnsupported    103   this version of kagent or Kubernetes is not supported
    │   ├── KagentFailed         104   kagent or our agent could not be installed, or did not become ready
    │   ├── AgentUnreachable     105   no connection to the agent, or an error (401, 403, 404, 429, 5xx)
    │   ├── AgentTimeout         106   the agent did not answer in time
    │   ├── AgentNonsense        107   the agent's answer is empty or not valid A2A
    │   ├── AgentFailed          108   the agent reported that the task failed, or was rejected or cancelled
    │   ├── NeedsAnswer          109   the agent asks for approval, and there is no terminal
    │   ├── McpTokenUnsafe       110   other users can read the token file of the MCP server
    │   └── ScanImpossible       111   a scanner that was named is missing, or its output cannot be parsed
    └── Interrupted              130   Ctrl-C
"""

import errno
from typing import ClassVar


class KubetasksError(Exception):
    """An error that is shown in one line, followed by what to type next.

    Args:
        what: what happened, and to which object.
        why: the reason, if known.
        fix: what to type or change next.
        detail: further evidence (last log lines, events), printed below the line.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "", detail: str = "") -> None:
        self.what = what
        self.why = why
        self.fix = fix
        self.detail = detail
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """What happened, why, and what to do next, as one line."""
        parts = [self.what + (f": {self.why}" if self.why else "")]
        if self.fix:
            parts.append(self.fix)
        return " -- ".join(" ".join(part.split()) for part in parts)


class SettingsError(KubetasksError):
    """A setting is unknown or has the wrong type or value."""

    exit_code = 2


class UsageError(KubetasksError):
    """A flag has a value that is not one of the possible ones."""

    exit_code = 3


class ToolError(KubetasksError):
    """An external program."""


class ToolMissing(ToolError):
    """An external program is not installed."""

    exit_code = 10


class EngineDown(ToolError):
    """The container engine does not answer."""

    exit_code = 11


class ToolFailed(ToolError):
    """An external program exited with an unexpected error."""

    exit_code = 12


class ToolTimeout(ToolError):
    """An external program took longer than its limit and was ended."""

    exit_code = 13


class ClusterError(KubetasksError):
    """The cluster, or the connection to it."""


class KubeconfigError(ClusterError):
    """The kubeconfig is missing, empty or not a kubeconfig."""

    exit_code = 20


class KubeconfigDenied(KubeconfigError):
    """The kubeconfig, or a file that it names, cannot be read: it belongs to another user."""

    exit_code = 86


class WindowsPath(KubeconfigError):
    """The kubeconfig names a file by a Windows path, and this is not Windows."""

    exit_code = 87


class EntryDamaged(KubeconfigError):
    """An entry that the context needs is missing, duplicated or damaged."""

    exit_code = 88


class ServerInvalid(KubeconfigError):
    """The API server's URL is empty, has an unknown scheme or an invalid port."""

    exit_code = 89


class ContextNotFound(ClusterError):
    """The kubeconfig has no such context."""

    exit_code = 21


class ContextRefused(ClusterError):
    """The guard: kubetasks refuses to use the context."""

    exit_code = 22


class NoContact(ClusterError):
    """The API server did not answer the request, so the state of the cluster is unknown."""


class ClusterUnreachable(NoContact):
    """There is no connection to the API server."""

    exit_code = 23


class Unauthorized(NoContact):
    """The API server does not accept the credentials (401), or rejects the client's certificate."""

    exit_code = 27


class PluginFailed(NoContact):
    """The program that provides the credentials is missing, failed, or returned something else."""

    exit_code = 29


class Untrusted(NoContact):
    """The API server's certificate is not signed by the authority in the kubeconfig."""

    exit_code = 80


class Expired(NoContact):
    """The API server's certificate has expired or is not valid yet."""

    exit_code = 81


class WrongName(NoContact):
    """The API server's certificate is for another host name or address."""

    exit_code = 82


class NoTls(NoContact):
    """No TLS connection: the server speaks plain HTTP, or the handshake failed."""

    exit_code = 84


class ProxyInTheWay(NoContact):
    """A proxy rejected the request, or something that is not a Kubernetes API server answered."""

    exit_code = 85


class NamespaceTerminating(ClusterError):
    """The namespace is still being deleted."""

    exit_code = 24


class DeployLocked(ClusterError):
    """Another command is changing the same namespace."""

    exit_code = 25


class ClusterCreateFailed(ClusterError):
    """cluster.up did not produce a Ready cluster."""

    exit_code = 26


class Forbidden(ClusterError):
    """The user is not allowed to do this (403)."""

    exit_code = 28


class NotEffective(ClusterError):
    """A change was reported as done, but the cluster does not show it."""

    exit_code = 83


class ImageError(KubetasksError):
    """Building images and delivering them to the cluster."""


class DockerfileMissing(ImageError):
    """A Dockerfile or a build context does not exist."""

    exit_code = 30


class BuildFailed(ImageError):
    """docker build failed."""

    exit_code = 31


class DeliveryFailed(ImageError):
    """An image did not reach every node."""

    exit_code = 32


class DiskFull(ImageError):
    """No space was left, for an image or for one of our files."""

    exit_code = 33


class RegistryMissing(ImageError):
    """A remote cluster pulls its images, so a registry must be set."""

    exit_code = 34


class ContextUnusable(ImageError):
    """A file of a build context cannot be read, or is a socket, a pipe or a device."""

    exit_code = 35


class SecretInImage(ImageError):
    """A secret would be copied into an image: the Dockerfile copies an env file, or a build argument is a secret."""

    exit_code = 36


class SourceChanged(ImageError):
    """The source changed after its tag was computed, while it was being built."""

    exit_code = 37


class ImageReplaced(ImageError):
    """An image does not have the content that its name stands for, and the right one does not exist."""

    exit_code = 38


class ImageUnused(ImageError):
    """A service is built, but no rendered object uses its image."""

    exit_code = 72


class StateUnavailable(KubetasksError):
    """There is no folder for the state of local deployments."""

    exit_code = 39


class SecretError(KubetasksError):
    """Secrets and where their values come from."""


class EnvFileError(SecretError):
    """The env file is missing or has a malformed line."""

    exit_code = 40


class SecretMissing(SecretError):
    """Required secrets have no value."""

    exit_code = 41


class SecretUnusable(SecretError):
    """A secret's value does not match its setting, or cannot be an environment variable."""

    exit_code = 42


class SecretInVolume(SecretError):
    """A generated secret is missing, but a volume whose data depends on it still exists."""

    exit_code = 43


class SecretNotOurs(SecretError):
    """A Secret that a declared secret goes to exists already, and something else created it."""

    exit_code = 67


class SecretCommandFailed(SecretError):
    """The command that gives a secret's value failed, took too long, or gave nothing."""

    exit_code = 68


class LineEndings(KubetasksError):
    """A script in a container has Windows line endings."""

    exit_code = 44


class WrongArchitecture(ImageError):
    """An image would be built for an architecture that no node has."""

    exit_code = 45


class DeployError(KubetasksError):
    """Rendering, applying, waiting and rolling back."""


class RenderFailed(DeployError):
    """The manifests or the chart do not render."""

    exit_code = 50


class ChartUnavailable(DeployError):
    """A chart cannot be pulled from its repository, or is not the one that the settings name."""

    exit_code = 69


class ApplyFailed(DeployError):
    """The API server rejected an object."""

    exit_code = 51


class ImmutableField(ApplyFailed):
    """An immutable field of a live object was changed."""

    exit_code = 73


class RolloutFailed(DeployError):
    """A workload is in a state that cannot resolve itself."""

    exit_code = 52


class RolloutTimeout(DeployError):
    """A workload was not ready by the deadline."""

    exit_code = 53


class NothingToRollBack(DeployError):
    """There is no earlier good revision."""

    exit_code = 54


class DeletionHeld(DeployError):
    """The deletion of an object is blocked or was rejected."""

    exit_code = 55


class RecordFailed(DeployError):
    """The record of a revision could not be written."""

    exit_code = 56


class RecordDamaged(DeployError):
    """The record of a revision cannot be used."""

    exit_code = 57


class LockLost(DeployError):
    """The deploy lock was lost while it was held; nothing was written after that."""

    exit_code = 58


class LockUnusable(DeployError):
    """The deploy lock cannot be acquired: Leases cannot be written, or the Lease belongs to another tool."""

    exit_code = 59


class VerifyFailed(KubetasksError):
    """One or more checks of verify failed."""

    exit_code = 60


class TroubleFound(KubetasksError):
    """A diagnosis with findings."""

    exit_code = 61


class TroubleUnknown(KubetasksError):
    """A diagnosis with only unknown problems."""

    exit_code = 62


class HookFailed(KubetasksError):
    """A task or command that the settings name as a hook failed."""

    exit_code = 74


class InitError(KubetasksError):
    """``init`` cannot write a configuration."""


class InitNothing(InitError):
    """Nothing in the folder says what the application is."""

    exit_code = 64


class InitExists(InitError):
    """A configuration already exists, and is not overwritten."""

    exit_code = 65


class InitUnusable(InitError):
    """What was read is not enough for a configuration."""

    exit_code = 66


class LocalError(KubetasksError):
    """The embedded local target."""


class PortInUse(LocalError):
    """A loopback port that the local target needs is taken."""

    exit_code = 70


class SupervisorFailed(LocalError):
    """The process supervisor did not start or does not answer."""

    exit_code = 71


class ModelError(KubetasksError):
    """The model that answers questions, and the connection to it."""


class ModelMissing(ModelError):
    """The command needs a model, and none is configured."""

    exit_code = 90


class KeyMissing(ModelError):
    """The model's endpoint needs a key, and its secret has no value."""

    exit_code = 91


class KeyRefused(ModelError):
    """The model's endpoint rejects the key (401, 403)."""

    exit_code = 92


class QuotaExceeded(ModelError):
    """The model's endpoint rejects more requests: a rate limit, or no credit (429, 402)."""

    exit_code = 93


class ModelUnreachable(ModelError):
    """There is no connection to the model's endpoint."""

    exit_code = 94


class ModelFailed(ModelError):
    """The model's endpoint answered with an error, or with something that is not the OpenAI protocol."""

    exit_code = 95


class EmptyAnswer(ModelError):
    """The model's answer is empty."""

    exit_code = 96


class ModelTimeout(ModelError):
    """The model did not answer in time."""

    exit_code = 97


class SandboxMissing(KubetasksError):
    """There is no sandbox for kubectl-ai on this machine."""

    exit_code = 98


class SendLimit(ModelError):
    """A question has reached its limit of requests or bytes."""

    exit_code = 99


class AiopsToolError(KubetasksError):
    """The MCP server, agents, and scans of images and charts."""


class ExtraMissing(AiopsToolError):
    """The packages of the extra ``aiops`` are not installed."""

    exit_code = 100


class ScanFound(AiopsToolError):
    """``image.scan`` or ``chart.score`` has findings at or above the failing severity."""

    exit_code = 101


class KagentMissing(AiopsToolError):
    """Kagent, or our agent, is not installed in the cluster."""

    exit_code = 102


class KagentUnsupported(AiopsToolError):
    """Our manifests do not support this version of kagent or Kubernetes."""

    exit_code = 103


class KagentFailed(AiopsToolError):
    """Kagent or our agent could not be installed, or did not become ready."""

    exit_code = 104


class AgentUnreachable(AiopsToolError):
    """There is no connection to the agent, or it rejected the request."""

    exit_code = 105


class AgentTimeout(AiopsToolError):
    """The agent did not answer in time."""

    exit_code = 106


class AgentNonsense(AiopsToolError):
    """The agent's answer is empty, too long, or not valid A2A."""

    exit_code = 107


class AgentFailed(AiopsToolError):
    """The agent reported that the task failed, or was rejected or cancelled."""

    exit_code = 108


class NeedsAnswer(AiopsToolError):
    """The agent asks for approval, and there is no terminal."""

    exit_code = 109


class McpTokenUnsafe(AiopsToolError):
    """Other users can read the file with the MCP server's token, or it is damaged."""

    exit_code = 110


class ScanImpossible(AiopsToolError):
    """A scanner that was named is missing, or its output cannot be parsed."""

    exit_code = 111


class Interrupted(KubetasksError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def of_os_error(error: OSError) -> KubetasksError:
    """The error when the system refuses access to a file."""
    where = str(error.filename or "a file")
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return DiskFull(
            f"no space left for {where}",
            why=error.strerror or "",
            fix="free some space; inv doctor shows how much there is",
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}:
        return KubetasksError(
            f"{where} cannot be used",
            why=error.strerror or "",
            fix="check its owner (ls -ld), or work in your own copy",
        )
    if error.errno == errno.ENOENT and not error.filename:  # os.getcwd() names no path
        return KubetasksError("the current folder no longer exists", fix="cd to an existing folder")
    return KubetasksError(str(error), fix="run `inv --debug …` for the traceback")
