"""Log classes: limits of the operating system and the processor."""

from kubetasks.diagnose.logs import log_class

log_class(
    "TOO_MANY_FILES",
    r"(?i)too many open files|EMFILE|ENFILE|inotify.{0,40}(?:limit|no space)|system limit for number of file watchers",
    title="the program has too many files or connections open",
    why="It does not close what it opens, or the limit of the container runtime or of inotify is low.",
    fix="close what is opened, or raise the limit (ulimit -n in the command, fs.inotify.max_user_instances on the node)",
    says="too many open files",
    running=True,
)

log_class(
    "TOO_MANY_PROCESSES",
    r"(?i)can't start new thread|pthread_create failed|unable to create (?:new )?native thread|fork: (?:retry: )?(?:resource temporarily unavailable|Cannot allocate)"
    r"|OpenBLAS blas_thread_init|Resource temporarily unavailable.{0,30}(?:thread|fork)",
    title="the program may not start more threads",
    why="The pod has reached the number of processes that the node allows it (podPidsLimit).",
    fix="start fewer threads or workers, or raise podPidsLimit of the kubelet",
    says="it may not start more threads or processes",
    running=True,
)

log_class(
    "ILLEGAL_INSTRUCTION",
    r"(?i)illegal instruction|CPU (?:ISA level is lower|does not support)|AVX2? .{0,30}(?:not supported|required)",
    title="the processor lacks an instruction",
    why="The image was built for a newer processor than the node has.",
    fix="use an image for the node's processor, or a node with a newer one",
    says="the node's processor lacks an instruction that the image needs",
    family="image",
)

log_class(
    "SEGMENTATION_FAULT",
    r"(?i)segmentation fault|SIGSEGV|signal 11\b|core dumped",
    title="the program crashes with a segmentation fault",
    why="Native code touched memory that is not its own: a fault of the program, or a library that does not fit.",
    fix="use another version of the program or of the library that is named in the log",
    says="segmentation fault",
)
