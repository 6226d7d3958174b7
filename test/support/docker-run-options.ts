export type Words = readonly string[]

export const IN_NETWORKS = 'in networks with fixed addresses'
export const WITH_VOLUMES = 'with volumes'

/** Options of `docker run`, as they can stand together. */
export const CONTAINERS: Readonly<Record<string, Words>> = {
  [IN_NETWORKS]: [
    ...['--network', 'front', '--ip', '10.77.0.9', '--network-alias', 'web', '--network-alias', 'www'],
    ...['--hostname', 'host-name', '--domainname', 'example.com', '--add-host', 'db:10.77.0.50', '--dns', '10.77.0.53'],
    ...[
      '--dns-option',
      'ndots:2',
      '--dns-search',
      'example.com',
      '--publish',
      '8090:8080',
      '--publish',
      '127.0.0.1:8091:8081/udp',
    ],
    ...['--expose', '9000', '--link', 'linked:database', '--restart', 'on-failure:3'],
  ],
  'with limits': [
    ...['--cpu-shares', '512', '--cpu-period', '50000', '--cpu-quota', '25000', '--cpuset-cpus', '0', '--cpuset-mems', '0'],
    ...[
      '--memory',
      '64m',
      '--memory-reservation',
      '32m',
      '--memory-swap',
      '128m',
      '--memory-swappiness',
      '10',
      '--oom-score-adj',
      '100',
    ],
    ...[
      '--pids-limit',
      '100',
      '--ulimit',
      'nofile=1000:2000',
      '--ulimit',
      'core=0',
      '--shm-size',
      '32m',
      '--blkio-weight',
      '300',
    ],
    ...['--cgroup-parent', '/berth-test', '--cgroupns', 'private', '--network', 'none'],
  ],
  'with rights and devices': [
    ...[
      '--cap-add',
      'NET_ADMIN',
      '--cap-drop',
      'MKNOD',
      '--device',
      '/dev/null:/dev/nothing:rw',
      '--device-cgroup-rule',
      'c 1:3 rmw',
    ],
    ...['--security-opt', 'no-new-privileges', '--security-opt', 'seccomp=unconfined', '--group-add', '100', '--group-add', '7'],
    ...[
      '--user',
      '1000:1000',
      '--sysctl',
      'net.ipv4.ip_unprivileged_port_start=0',
      '--read-only',
      '--ipc',
      'shareable',
      '--pid',
      'host',
    ],
    ...['--network', 'front', '--runtime', 'runc', '--userns', 'host', '--tmpfs', '/tmp:mode=1777,size=1m'],
  ],
  [WITH_VOLUMES]: [
    ...[
      '--volume',
      'named:/named',
      '--volume',
      '/anonymous',
      '--volume',
      '/etc/hostname:/bound:ro',
      '--tmpfs',
      '/scratch:size=1m',
    ],
    ...['--mount', 'type=volume,target=/mounted', '--mount', 'type=bind,source=/etc/hosts,target=/mount-bound,readonly'],
    ...[
      '--mount',
      'type=tmpfs,target=/mount-scratch,tmpfs-size=1048576',
      '--volumes-from',
      'lender:ro',
      '--volume-driver',
      'local',
    ],
  ],
  'as the host': ['--network', 'host', '--uts', 'host', '--ipc', 'host', '--restart', 'always', '--env', 'OWN=1'],
  'with a terminal and other words': [
    ...[
      '--tty',
      '--interactive',
      '--entrypoint',
      '/bin/sh',
      '--workdir',
      '/tmp',
      '--env',
      'COLOUR=red',
      '--env',
      'EMPTY=',
      '--label',
      'own=1',
    ],
    ...[
      '--health-cmd',
      'true',
      '--health-interval',
      '200ms',
      '--health-timeout',
      '5s',
      '--health-retries',
      '2',
      '--health-start-period',
      '1s',
    ],
    ...[
      '--log-driver',
      'json-file',
      '--log-opt',
      'max-size=1m',
      '--log-opt',
      'tag={{.Name}}',
      '--stop-timeout',
      '3',
      '--publish-all',
    ],
  ],
  'with --rm': ['--rm', '--no-healthcheck', '--env', 'PATH=/bin:/sbin'],
}

/** Those that cannot be started on every machine, or that need another one: what is made of them is compared, and nothing is started. */
export const NEVER_STARTED: Readonly<Record<string, Words>> = {
  'in the network of another one': ['--network', 'container:lender', '--ipc', 'container:lender', '--pid', 'container:lender'],
  'with all rights': [
    '--privileged',
    '--oom-kill-disable',
    '--device-read-bps',
    '/dev/null:1mb',
    '--device-write-iops',
    '/dev/null:10',
  ],
  'with other limits': [
    ...['--cpus', '0.5', '--blkio-weight-device', '/dev/null:200', '--volume-driver', 'local', '--kernel-memory', '8m'],
    ...['--device-write-bps', '/dev/null:1mb', '--device-read-iops', '/dev/null:10'],
  ],
  'with devices by request': ['--gpus', 'all', '--cgroup-parent', '/berth', '--init', '--security-opt', 'systempaths=unconfined'],
}

export const COMMANDS: Readonly<Record<string, Words>> = {
  'with a terminal and other words': ['-c', 'while :; do busybox sleep 1; done'],
}

/** What the create call takes (docs.docker.com/reference/api/engine, 1.41), and `docker inspect` tells. */
export const FIELDS: Words = `
  Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce Env Cmd
  Healthcheck ArgsEscaped Volumes WorkingDir Entrypoint NetworkDisabled MacAddress OnBuild Labels StopSignal StopTimeout
  Shell CpuShares Memory CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps
  BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems
  Devices DeviceCgroupRules DeviceRequests KernelMemory KernelMemoryTCP MemoryReservation MemorySwap MemorySwappiness
  NanoCpus OomKillDisable Init PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth Binds
  ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom Mounts CapAdd
  CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged
  PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt Tmpfs UTSMode UsernsMode ShmSize Sysctls Runtime ConsoleSize
  Isolation MaskedPaths ReadonlyPaths
`
  .trim()
  .split(/\s+/)

/** Those that no option of `docker run` sets on every machine, and why. They are handed on as they are, like all others. */
export const NEVER_SET: Readonly<Record<string, string>> = {
  ArgsEscaped: 'Windows',
  AttachStderr: 'how the client was called',
  AttachStdout: 'how the client was called',
  BlkioWeight: 'a kernel with weights for disks',
  BlkioWeightDevice: 'a kernel with weights for disks',
  Cgroup: 'daemons before 1.12',
  ConsoleSize: 'Windows',
  ContainerIDFile: 'a file of the client',
  CpuCount: 'Windows',
  CpuPercent: 'Windows',
  CpuRealtimePeriod: 'a kernel with scheduling groups for real time',
  CpuRealtimeRuntime: 'a kernel with scheduling groups for real time',
  IOMaximumBandwidth: 'Windows',
  IOMaximumIOps: 'Windows',
  Isolation: 'Windows',
  KernelMemoryTCP: 'no option',
  Links: 'the first network of Docker; those in other networks are among their settings',
  MacAddress: 'clients of Docker 25 and later ask for it per network, which daemons before do not know',
  NetworkDisabled: 'no option',
  OnBuild: 'docker commit',
  Runtime: 'another program than runc',
  Shell: 'images',
  StorageOpt: 'XFS with quotas',
}
