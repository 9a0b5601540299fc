"""Which system calls a confined program may not make, by architecture.

Interface: `NUMBERS[machine][name]`, `AUDIT[machine]`, `NEWEST`, `REFUSED`.
Invariant: a name missing from an architecture's table does not exist on that architecture.
"""

#: What the kernel calls the architecture in a filter's data (AUDIT_ARCH_*).
AUDIT: dict[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

#: Calls newer than this table do not exist for a confined program: nobody has judged them.
NEWEST = 466

#: Refused whatever the arguments, with the reason they are here.
REFUSED: dict[str, tuple[str, ...]] = {
    "other processes": (
        *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
        *("pidfd_send_signal", "process_madvise", "process_mrelease", "move_pages"),
        "migrate_pages",
    ),
    "the view of the file system": (
        *("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen"),
        *("fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount"),
        *("name_to_handle_at", "open_by_handle_at", "quotactl", "quotactl_fd"),
        *("fanotify_init", "fanotify_mark", "swapon", "swapoff", "sysfs"),
    ),
    "new privileges inside a new namespace": ("unshare", "setns"),
    "large and often broken kernel surfaces": (
        *("bpf", "perf_event_open", "userfaultfd", "memfd_secret", "vmsplice"),
        *("io_uring_setup", "io_uring_enter", "io_uring_register"),
        *("keyctl", "add_key", "request_key", "personality", "modify_ldt", "uselib"),
        *("lookup_dcookie", "nfsservctl", "_sysctl"),
    ),
    "the machine itself": (
        *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
        *("reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "acct"),
        *("sethostname", "setdomainname", "vhangup", "syslog", "iopl", "ioperm"),
    ),
}

_X86_64 = """
ptrace 101 process_vm_readv 310 process_vm_writev 311 kcmp 312 pidfd_getfd 438
pidfd_send_signal 424 process_madvise 440 process_mrelease 448 move_pages 279 migrate_pages 256
mount 165 umount2 166 pivot_root 155 chroot 161 move_mount 429 open_tree 428 fsopen 430
fsconfig 431 fsmount 432 fspick 433 mount_setattr 442 statmount 457 listmount 458
name_to_handle_at 303 open_by_handle_at 304 quotactl 179 quotactl_fd 443
fanotify_init 300 fanotify_mark 301 swapon 167 swapoff 168 sysfs 139
unshare 272 setns 308
bpf 321 perf_event_open 298 userfaultfd 323 memfd_secret 447 vmsplice 278
io_uring_setup 425 io_uring_enter 426 io_uring_register 427
keyctl 250 add_key 248 request_key 249 personality 135 modify_ldt 154 uselib 134
lookup_dcookie 212 nfsservctl 180 _sysctl 156
kexec_load 246 kexec_file_load 320 init_module 175 finit_module 313 delete_module 176
reboot 169 settimeofday 164 clock_settime 227 clock_adjtime 305 adjtimex 159 acct 163
sethostname 170 setdomainname 171 vhangup 153 syslog 103 iopl 172 ioperm 173
clone 56 clone3 435 socket 41 socketpair 53 ioctl 16 mknod 133 mknodat 259
"""

_AARCH64 = """
ptrace 117 process_vm_readv 270 process_vm_writev 271 kcmp 272 pidfd_getfd 438
pidfd_send_signal 424 process_madvise 440 process_mrelease 448 move_pages 239 migrate_pages 238
mount 40 umount2 39 pivot_root 41 chroot 51 move_mount 429 open_tree 428 fsopen 430
fsconfig 431 fsmount 432 fspick 433 mount_setattr 442 statmount 457 listmount 458
name_to_handle_at 264 open_by_handle_at 265 quotactl 60 quotactl_fd 443
fanotify_init 262 fanotify_mark 263 swapon 224 swapoff 225
unshare 97 setns 268
bpf 280 perf_event_open 241 userfaultfd 282 memfd_secret 447 vmsplice 75
io_uring_setup 425 io_uring_enter 426 io_uring_register 427
keyctl 219 add_key 217 request_key 218 personality 92
lookup_dcookie 18 nfsservctl 42
kexec_load 104 kexec_file_load 294 init_module 105 finit_module 273 delete_module 106
reboot 142 settimeofday 170 clock_settime 112 clock_adjtime 266 adjtimex 171 acct 89
sethostname 161 setdomainname 162 vhangup 58 syslog 116
clone 220 clone3 435 socket 198 socketpair 199 ioctl 29 mknodat 33
"""


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


NUMBERS: dict[str, dict[str, int]] = {"x86_64": _table(_X86_64), "aarch64": _table(_AARCH64)}
