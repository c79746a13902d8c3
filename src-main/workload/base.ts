/** The services that every machine runs before its scenario's own processes. */
import type { Params } from '@shared/program'

export interface BaseService {
  readonly name: string
  readonly program: string
  readonly uid: number
  readonly oomScoreAdj: number
  readonly params: Params
}

const MiB = 2 ** 20
const KiB = 2 ** 10

function service(name: string, heap: number, period: number, more: Partial<BaseService> = {}, log = 0): BaseService {
  const params = { heap, period, work: 0.15, touches: 16, writes: 30, log, data: 0 }
  return { name, program: 'daemon', uid: 0, oomScoreAdj: 0, params, ...more }
}

const SERVER: readonly BaseService[] = [
  service('systemd-journal', 5 * MiB, 2000, { oomScoreAdj: -250 }, 400),
  service('systemd-udevd', 3 * MiB, 20000, { oomScoreAdj: -1000 }),
  service('dbus-daemon', 1.5 * MiB, 1500, { uid: 104, oomScoreAdj: -900 }),
  service('systemd-logind', 1.5 * MiB, 10000),
  service('systemd-timesyn', 1 * MiB, 30000, { uid: 997 }),
  service('rsyslogd', 2 * MiB, 3000, {}, 300),
  service('cron', 700 * KiB, 60000),
  service('sshd', 1.2 * MiB, 30000, { oomScoreAdj: -1000 }),
  service('polkitd', 3 * MiB, 15000, { uid: 996 }),
  service('agetty', 300 * KiB, 60000),
  service('irqbalance', 500 * KiB, 10000),
  service('unattended-upgr', 7 * MiB, 60000),
]

const DESKTOP: readonly BaseService[] = [
  service('NetworkManager', 5 * MiB, 4000),
  service('wpa_supplicant', 1.5 * MiB, 5000),
  service('ModemManager', 2 * MiB, 20000),
  service('avahi-daemon', 700 * KiB, 6000, { uid: 107 }),
  service('bluetoothd', 900 * KiB, 20000),
  service('cupsd', 2 * MiB, 30000),
  service('accounts-daemon', 1.2 * MiB, 30000),
  service('udisksd', 2.5 * MiB, 10000),
  service('upowerd', 1.5 * MiB, 8000),
  service('colord', 3 * MiB, 30000, { uid: 110 }),
  service('gdm3', 1.5 * MiB, 30000),
  service('pipewire', 4 * MiB, 250, { uid: 1000 }),
  service('wireplumber', 4 * MiB, 2000, { uid: 1000 }),
  service('gnome-keyring-d', 1.2 * MiB, 30000, { uid: 1000 }),
  service('gvfsd', 1.2 * MiB, 12000, { uid: 1000 }),
  service('gvfs-udisks2-vo', 1.5 * MiB, 12000, { uid: 1000 }),
  service('at-spi-bus-laun', 800 * KiB, 30000, { uid: 1000 }),
  service('ibus-daemon', 2.5 * MiB, 1500, { uid: 1000 }),
  service('gsd-power', 3 * MiB, 5000, { uid: 1000 }),
  service('gsd-media-keys', 3 * MiB, 8000, { uid: 1000 }),
  service('gsd-color', 3 * MiB, 15000, { uid: 1000 }),
  service('tracker-miner-f', 0, 0, {
    uid: 1000,
    program: 'reader',
    params: { size: 160 * MiB, files: 400, rate: 400 * KiB, loop: 1 },
  }),
  service('evolution-sourc', 4 * MiB, 15000, { uid: 1000 }),
  service('dconf-service', 600 * KiB, 20000, { uid: 1000 }),
  service('gnome-software', 16 * MiB, 20000, { uid: 1000 }),
  service('bash', 1.2 * MiB, 30000, { uid: 1000 }),
]

export const BASE: Readonly<Record<'none' | 'server' | 'desktop', readonly BaseService[]>> = {
  none: [],
  server: SERVER,
  desktop: [...SERVER, ...DESKTOP],
}
