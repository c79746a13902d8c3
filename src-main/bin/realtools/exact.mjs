/** The commands whose output our shell gives to the byte: procps-ng's, one line of shell each. */

/** `PID` becomes the process with the largest RSS. A clock is not compared: the two machines' clocks differ. */
export const EXACT = [
  'free',
  'free -h -w',
  'free -b -t -v -l',
  'free -g --si',
  'vmstat',
  'vmstat -w -a',
  'vmstat -s',
  'vmstat -m',
  'vmstat -d',
  'vmstat -D',
  'vmstat -f',
  'slabtop -o',
  'slabtop -o -s c',
  'ps aux',
  'ps -ef',
  'ps -el',
  'ps axf',
  'ps -ejH',
  'ps axl',
  'ps axu --sort -rss',
  'ps -eo pid,rss,vsz,min_flt,maj_flt,oom',
  'ps -eo pid,ppid,uid,user,ni,pri,psr,nlwp,stat,wchan,time,pcpu,pmem,sz,pss,uss,comm',
  'ps -p PID -o pid,args',
  'ps axo stat,pid,comm,cgroup',
  'ps -eo pid,args,comm',
  'ps -eo comm,ruser,etime,etimes,bsdtime,cputimes,vsize,rsz,pri,c,f,s,cls',
  'ps v -e',
  'ps s -e',
  'ps j -e',
  'ps X -e',
  'ps -ely',
  'ps -AF',
  'ps -ejl',
  'ps -eH -o pid,ppid,comm',
  'ps -u www-data,user -o user,pid,comm',
  'ps -N -u root -o pid=,user=',
  'ps u PID',
  'pmap PID',
  'pmap -x PID',
  'pmap -d PID',
  'pmap -X PID',
  'pmap -XX PID',
  'pmap -p PID',
  'uptime',
  'uptime -p',
  'w',
  'w -s',
  'w -f -h',
  'pgrep -l s',
  'pgrep -c s',
  'pgrep -a s',
  'pgrep -f -l kw',
  'pgrep -d , -u root s',
  'pgrep -v -u root .',
  'pgrep -n .',
  'sysctl vm.swappiness vm.nope',
  'sysctl -n vm.min_free_kbytes',
  'sysctl vm',
  'lsblk',
  'lsblk -b -o NAME,SIZE,ROTA,MOUNTPOINT',
  'lsblk -J',
  'lsblk -r -n -p',
  'swapon --show',
  'swapon -s',
  'swapon --show=NAME,PRIO --noheadings',
  'pidof sshd',
  'top -b -n1',
  'top -b -n1 -o %MEM',
  'top -b -n1 -E g -e m -o RES',
  'top -b -n1 -c -w 200',
  'top -b -n1 -p 1,PID -o PID',
  'vmstat 1 2',
  'vmstat -y 1 1',
  'vmstat -n -S m',
  'free -s 1 -c 2',
  'free --help',
  'slabtop --help',
  'ps --help',
  'pgrep --help',
  'vmstat -V',
  'free -q',
  'vmstat --foo',
  'slabtop -s',
  'pmap',
  'pmap 99999',
  'pgrep',
  'uptime -x',
  'ps -eo nonsense',
]

/** Hides what tells the time of day: ps's START/STIME, and the clock of uptime, w and top. */
export function withoutClock(command, text) {
  if (/^(uptime|top|w)\b/.test(command)) return text.replace(/^((?:top -)? )\d\d:\d\d:\d\d/, '$1hh:mm:ss')
  if (!command.startsWith('ps')) return text
  const [head = '', ...rows] = text.split('\n')
  const at = /\b(START|STIME)\b/.exec(head)
  if (at === null) return text
  const end = at.index + at[0].length
  return [head, ...rows.map((row) => (row === '' ? row : row.slice(0, end - 5) + 'clock' + row.slice(end)))].join('\n')
}

/** Lines of two texts that differ, as pairs. */
export function differences(real, ours) {
  const [a, b] = [real.split('\n'), ours.split('\n')]
  const found = []
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    if (a[i] !== b[i]) found.push([a[i] ?? '(nothing)', b[i] ?? '(nothing)'])
  return found
}

/** One script for our shell that runs all commands and marks where each begins and how it ended. */
export function batch(commands) {
  return commands.map((c) => `echo '${MARK}'; ${c} 2>&1; echo "${MARK}$?"`).join('\n')
}
const MARK = '@@memscope@@'

/** Takes the output of `batch` apart. */
export function unbatch(text, commands) {
  const parts = text.split(`${MARK}\n`).slice(1)
  return commands.map((command, i) => {
    const [output = '', status = ''] = (parts[i] ?? '').split(MARK)
    return { command, output, status: Number.parseInt(status, 10) }
  })
}

/** smem's, whose output is compared in the same way. */
export const SMEM = [
  'smem',
  'smem -t -k',
  'smem -p -r -s rss',
  'smem -u -t',
  'smem -m -t',
  'smem -w',
  'smem -c "pid name uss" -H',
]
