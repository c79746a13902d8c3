/** Users and groups of the machine: /etc/passwd and /etc/group of a Debian with its usual daemons and one person. */

/** Name, UID, GID, full name, home, shell. */
const USERS: readonly (readonly [string, number, number, string, string, string])[] = [
  ['root', 0, 0, 'root', '/root', '/bin/bash'],
  ['daemon', 1, 1, 'daemon', '/usr/sbin', '/usr/sbin/nologin'],
  ['bin', 2, 2, 'bin', '/bin', '/usr/sbin/nologin'],
  ['sys', 3, 3, 'sys', '/dev', '/usr/sbin/nologin'],
  ['mail', 8, 8, 'mail', '/var/mail', '/usr/sbin/nologin'],
  ['www-data', 33, 33, 'www-data', '/var/www', '/usr/sbin/nologin'],
  ['messagebus', 104, 104, '', '/nonexistent', '/usr/sbin/nologin'],
  ['postgres', 105, 105, 'PostgreSQL administrator', '/var/lib/postgresql', '/bin/bash'],
  ['redis', 106, 106, '', '/var/lib/redis', '/usr/sbin/nologin'],
  ['avahi', 107, 107, 'Avahi mDNS daemon', '/run/avahi-daemon', '/usr/sbin/nologin'],
  ['tomcat', 109, 109, 'Apache Tomcat', '/var/lib/tomcat', '/usr/sbin/nologin'],
  ['colord', 110, 110, 'colord colour management daemon', '/var/lib/colord', '/usr/sbin/nologin'],
  ['polkitd', 996, 996, 'polkit', '/nonexistent', '/usr/sbin/nologin'],
  ['systemd-timesync', 997, 997, 'systemd Time Synchronization', '/', '/usr/sbin/nologin'],
  ['user', 1000, 1000, 'User', '/home/user', '/bin/bash'],
  ['nobody', 65534, 65534, 'nobody', '/nonexistent', '/usr/sbin/nologin'],
]

const NAMES = new Map(USERS.map(([name, uid]) => [uid, name]))
/** Groups go by the user's name, but for nobody's. */
const GROUPS = new Map(USERS.map(([name, , gid]) => [gid, name === 'nobody' ? 'nogroup' : name]))

export const PASSWD = USERS.map(
  ([name, uid, gid, full, home, shell]) => `${name}:x:${uid}:${gid}:${full}:${home}:${shell}\n`,
).join('')
export const GROUP = [...GROUPS].map(([gid, name]) => `${name}:x:${gid}:\n`).join('')

export function userName(uid: number): string {
  return NAMES.get(uid) ?? String(uid)
}

export function groupName(gid: number): string {
  return GROUPS.get(gid) ?? String(gid)
}

/** A user's number, by name or by itself; null where there is none. */
export function userId(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text)
  return USERS.find(([name]) => name === text)?.[1] ?? null
}

export function groupId(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text)
  for (const [gid, name] of GROUPS) if (name === text) return gid
  return null
}
