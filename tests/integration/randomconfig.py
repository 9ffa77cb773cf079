"""Random valid configurations: configuration(seed, place) gives one, always the same for the same seed.

Written from the lists of properties in the runtime specification (config.md, config-linux.md): every
property may be there or not, with a value that its schema allows. Whether the kernel, this host or
another property allows it is not asked. What would reach beyond the container is left out: the cgroup
of others, the host's files except in `place`, programs other than the probe and /bin/true."""
import random

CAPABILITIES = ("CAP_CHOWN CAP_KILL CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_ADMIN "
                "CAP_SYS_CHROOT CAP_MKNOD CAP_AUDIT_WRITE CAP_SETFCAP CAP_CHECKPOINT_RESTORE CAP_FUTURE "
                ).split()
RLIMITS = "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
ATTRIBUTES = ("ro rw nosuid suid nodev dev noexec exec noatime atime relatime norelatime strictatime "
              "nostrictatime nodiratime diratime nosymfollow symfollow rro rrw rnosuid rsuid rnodev rnoexec "
              "rnoatime rrelatime rnosymfollow private rprivate slave rslave shared rshared unbindable "
              "defaults").split()
OPTIONS = ("async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev "
           "nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow "
           "private ratime rbind rdev rdiratime relatime remount rexec ridmap idmap rnoatime rnodev "
           "rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro "
           "rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime "
           "suid symfollow sync tmpcopyup unbindable copy-symlink src-nofollow dest-nofollow mode=755 "
           "size=64k uid=0 unknown=1").split()
DESTINATIONS = ("/data/below /tmp /tmp/missing/deep /etc/passwd /etc/missing /proc /sys /dev /dev/pts "
                "/dev/shm /dev/mqueue /sys/fs/cgroup /run / data ../data /./tmp/../data /bin/true").split()
NAMESPACES = "pid network mount ipc uts user cgroup time".split()
FILES = {"network": "net", "mount": "mnt"}
PATHS = ("/proc/kcore /proc/keys /proc/acpi /proc/sys /proc/bus /sys/firmware /etc/passwd /missing /data / "
         "/dev/null /proc/self/fd /bin").split()
SYSCTLS = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "8192", "kernel.shm_rmid_forced": "0",
           "fs.mqueue.msg_max": "10", "kernel.domainname": "d", "net/ipv4/ip_default_ttl": "65",
           "net.missing": "1", "user.max_user_namespaces": "100"}
ANNOTATIONS = {"org.opencontainers.image.os": "linux", "com.example/key": "value \u00e9",
               "run.oci.keep_original_groups": "1", "run.oci.mount_context_type": "fscontext",
               "run.oci.coracle.builtin_devices": "0",
               "empty": ""}


class Maker:
    def __init__(self, seed, place):
        self.r, self.place = random.Random(seed), place

    def maybe(self, chance=0.3):
        return self.r.random() < chance

    def some(self, items, most):
        items = list(items)
        return self.r.sample(items, self.r.randint(0, min(most, len(items))))

    def pick(self, *items):
        return self.r.choice(items)

    def number(self, *interesting):
        return self.r.choice(interesting) if self.maybe(0.7) else self.r.randint(0, 1 << 16)

    def fill(self, chance, **makers):
        """An object with some of these properties."""
        return {k: make() for k, make in makers.items() if self.maybe(chance)}

    # --- process

    def user(self):
        u = {"uid": self.pick(0, 0, 0, 1, 1000, 4294967294), "gid": self.pick(0, 0, 0, 5, 1000)}
        u |= self.fill(0.2, umask=lambda: self.pick(0, 0o22, 0o77, 0o777), username=lambda: "name",
                       additionalGids=lambda: self.some(range(20), 3))
        return u

    def capabilities(self):
        return self.fill(0.7, **{kind: lambda: self.some(CAPABILITIES, 6) for kind in
                                 ("bounding", "effective", "inheritable", "permitted", "ambient")})

    def rlimits(self):
        limits = []
        for kind in self.some(RLIMITS.split(), 3):
            soft = self.number(1024, 1 << 20, 1 << 30, (1 << 64) - 1)
            if kind in ("AS", "CPU", "DATA", "FSIZE", "NPROC", "STACK", "NOFILE", "RTTIME"):
                soft = max(soft, 1 << 30)  # less could end the probe
            limits.append({"type": "RLIMIT_" + kind, "soft": soft,
                           "hard": self.pick(soft, soft, (1 << 64) - 1)})
        return limits

    def scheduler(self):
        policy = self.pick("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO",
                           "SCHED_IDLE", "SCHED_DEADLINE")
        s = {"policy": policy} | self.fill(0.3, nice=lambda: self.r.randint(-20, 19))
        if self.maybe(0.9 if policy in ("SCHED_FIFO", "SCHED_RR") else 0.1):
            s["priority"] = self.r.randint(0, 99)
        s |= self.fill(0.2, flags=lambda: self.some(["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",
                                                     "SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_UTIL_CLAMP_MIN"], 2))
        if policy == "SCHED_DEADLINE":
            s |= {"runtime": 10000000, "deadline": 20000000, "period": self.pick(0, 20000000)}
        return s

    def process(self):
        p = {"args": ["/probe", "exit", "7"], "cwd": self.pick("/", "/", "/tmp", "/new/dir", "/data/../tmp")}
        p |= self.fill(
            0.25, env=lambda: self.some(["PATH=/bin:/usr/bin", "HOME=/root", "A=", "B=\u00fc x", "NO_VALUE",
                                         "LISTEN_FDS=3", "NOTIFY_SOCKET=/x"], 4),
            user=self.user, capabilities=self.capabilities, rlimits=self.rlimits,
            noNewPrivileges=lambda: self.pick(True, False), oomScoreAdj=lambda: self.pick(0, 1, 1000, 500),
            scheduler=self.scheduler,
            ioPriority=lambda: {"class": self.pick("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"),
                                "priority": self.r.randint(0, 7)},
            execCPUAffinity=lambda: self.fill(0.5, initial=lambda: "0", final=lambda: "0-1"),
            consoleSize=lambda: {"height": 25, "width": 80}, commandLine=lambda: "for windows")
        p |= self.fill(0.03, terminal=lambda: True, apparmorProfile=lambda: "profile",
                       selinuxLabel=lambda: "u:r:t:s0")
        p.setdefault("user", {"uid": 0, "gid": 0})
        return p

    # --- mounts

    def mappings(self):
        return [{"containerID": 0, "hostID": self.pick(0, 1000, 100000), "size": self.pick(1, 65536)}] \
            if self.maybe(0.9) else []

    def mount(self):
        kind = self.pick("tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay",
                         "ramfs", "bind", "bind", "bind", "none", "missingfs", None) \
            if self.maybe(0.4) else self.pick("tmpfs", "bind", "bind")
        options = self.some(OPTIONS if self.maybe(0.2) else ATTRIBUTES, 4)
        m = {"destination": self.pick(*(DESTINATIONS if self.maybe(0.4) else ["/data", "/tmp/missing/deep"]))}
        if kind:
            m["type"] = kind
        if kind in ("bind", "none", None) or self.maybe(0.5):
            m["source"] = self.pick(f"{self.place}/missing", "relative", "tmpfs", "/proc", "/dev/null") \
                if self.maybe(0.15) else self.pick(*(f"{self.place}/{n}" for n in ("dir", "file", "link")))
        if kind in ("none", None) and self.maybe(0.9):
            options.append(self.pick("bind", "rbind"))
        if options or self.maybe(0.2):
            m["options"] = options
        if self.maybe(0.05):
            m["uidMappings"], m["gidMappings"] = self.mappings(), self.mappings()
        return m

    def usual_mounts(self):
        return [{"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}]

    # --- hooks

    def hook(self):
        return {"path": self.pick("/bin/true", "/bin/true", "/bin/true", "/bin/false", "/missing")} | \
            self.fill(0.3, args=lambda: ["true", "x"], env=lambda: ["A=b"], timeout=lambda: self.pick(5, 30))

    def hooks(self):
        return self.fill(0.25, **{kind: lambda: [self.hook() for _ in range(self.r.randint(0, 2))] for kind in
                                  ("prestart", "createRuntime", "createContainer", "startContainer",
                                   "poststart", "poststop")})

    # --- linux

    def namespaces(self):
        kinds = NAMESPACES[:5] if self.maybe(0.5) else self.some(NAMESPACES, 8)
        kinds = [k for k in kinds if k != "user" or self.maybe(0.6)]
        return [{"type": k, **({"path": f"/proc/self/ns/{FILES.get(k, k)}"} if self.maybe(0.05) else {})}
                for k in kinds]

    def device(self):
        kind = self.pick("c", "b", "u", "p")
        d = {"path": self.pick("/dev/null", "/dev/fuse", "/dev/deep/node", "/opt/node", "/dev/zero"), "type": kind}
        if kind != "p":
            d |= {"major": self.pick(1, 10, 7), "minor": self.pick(3, 5, 229)}
        return d | self.fill(0.4, fileMode=lambda: self.pick(0o600, 0o666, 0o4777), uid=lambda: self.pick(0, 1),
                             gid=lambda: self.pick(0, 5))

    def resources(self):
        """Limits under which the probe can live."""
        return self.fill(
            0.2, devices=lambda: [{"allow": False, "access": "rwm"}, *(
                {"allow": True, "type": self.pick("c", "b", "a"), "access": self.pick("rwm", "r", "m")} |
                self.fill(0.7, major=lambda: self.pick(1, 5, 10), minor=lambda: self.pick(3, 9, 200))
                for _ in range(self.r.randint(0, 3)))],
            memory=lambda: self.fill(0.3, limit=lambda: 1 << 30, reservation=lambda: 1 << 29, swap=lambda: 1 << 31,
                                     swappiness=lambda: self.pick(0, 60, 100), disableOOMKiller=lambda: False,
                                     checkBeforeUpdate=lambda: True, useHierarchy=lambda: True),
            cpu=lambda: self.fill(0.3, shares=lambda: 1024, quota=lambda: 100000, period=lambda: 100000,
                                  burst=lambda: 0, cpus=lambda: "0", mems=lambda: "0", idle=lambda: 0),
            pids=lambda: {"limit": self.pick(-1, 100, 4096)},
            blockIO=lambda: self.fill(0.3, weight=lambda: self.pick(10, 500, 1000),
                                      throttleReadBpsDevice=lambda: [{"major": 7, "minor": 0, "rate": 1 << 30}]),
            hugepageLimits=lambda: [{"pageSize": "2MB", "limit": 1 << 30}],
            network=lambda: self.fill(0.5, classID=lambda: 1048577,
                                      priorities=lambda: [{"name": "lo", "priority": 5}]),
            rdma=lambda: {"mlx5_1": {"hcaHandles": 3}},
            unified=lambda: self.pick({"pids.max": "100"}, {"memory.high": "1073741824"}, {"missing.file": "1"}))

    def seccomp(self):
        return {"defaultAction": "SCMP_ACT_ALLOW"} | self.fill(
            0.5, architectures=lambda: self.some(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"], 3),
            flags=lambda: self.some(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"], 2),
            syscalls=lambda: [{"names": self.some(["swapon", "reboot", "add_key", "future_call"], 3) or ["swapon"],
                               "action": self.pick("SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG")} |
                              self.fill(0.3, args=lambda: [{"index": self.r.randint(0, 5), "value": 1,
                                                            "op": self.pick("SCMP_CMP_EQ", "SCMP_CMP_NE")}])])

    def linux(self):
        l = {"namespaces": self.namespaces()}
        user = next((n for n in l["namespaces"] if n["type"] == "user"), None)
        if user and "path" not in user and self.maybe(0.9):
            l["uidMappings"], l["gidMappings"] = self.mappings(), self.mappings()
        l |= self.fill(
            0.15, devices=lambda: [self.device() for _ in range(self.r.randint(0, 3))],
            sysctl=lambda: {k: SYSCTLS[k] for k in self.some(SYSCTLS, 2)}, resources=self.resources,
            seccomp=self.seccomp,
            rootfsPropagation=lambda: self.pick("shared", "slave", "private", "unbindable", "rslave"),
            maskedPaths=lambda: self.some(PATHS, 5), readonlyPaths=lambda: self.some(PATHS, 5),
            personality=lambda: {"domain": self.pick("LINUX", "LINUX32")},
            memoryPolicy=lambda: self.pick({"mode": "MPOL_DEFAULT"}, {"mode": "MPOL_BIND", "nodes": "0"},
                                           {"mode": "MPOL_PREFERRED", "nodes": "0",
                                            "flags": ["MPOL_F_STATIC_NODES"]}, {"mode": "MPOL_LOCAL"}))
        if self.maybe(0.3 if {"type": "time"} in l["namespaces"] else 0.02):
            l["timeOffsets"] = {self.pick("monotonic", "boottime"): {"secs": 100, "nanosecs": 5}}
        l |= self.fill(0.02, mountLabel=lambda: "u:o:t:s0", intelRdt=lambda: {"closID": "x"},
                       netDevices=lambda: {"missing0": {"name": "eth0"}})
        return l

    def configuration(self):
        c = {"ociVersion": self.pick("1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"), "process": self.process(),
             "root": {"path": "rootfs"} | self.fill(0.3, readonly=lambda: self.pick(True, False)),
             "linux": self.linux()}
        usual = self.usual_mounts() if self.maybe(0.7) else []
        if usual or self.maybe(0.7):
            c["mounts"] = usual + [self.mount() for _ in range(self.pick(0, 0, 1, 1, 2, 5))]
        has_uts = any(n["type"] == "uts" for n in c["linux"]["namespaces"])
        c |= self.fill(0.15, hooks=self.hooks, annotations=lambda: {k: ANNOTATIONS[k] for k in
                                                                    self.some(ANNOTATIONS, 2)})
        if has_uts or self.maybe(0.05):
            c |= self.fill(0.3, hostname=lambda: "host", domainname=lambda: "domain")
        return c


def configuration(seed, place):
    return Maker(seed, place).configuration()
