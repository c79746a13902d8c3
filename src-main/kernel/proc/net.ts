/** /proc/net of a machine whose only interface is lo, over which nothing goes: heads of tables and zeros. */
import type { Kernel } from '../kernel'
import { file, folder, type DirNode } from './tree'

const DEV =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n' +
  '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n'
const ADDRESSES =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n'
const ADDRESSES_UDP =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n'
const ROUTE =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n'
const SOCKSTAT =
  'sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\n' +
  'RAW: inuse 0\nFRAG: inuse 0 memory 0\n'

const SNMP: readonly (readonly [string, string])[] = [
  [
    'Ip',
    'Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates',
  ],
  [
    'Tcp',
    'RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors',
  ],
  ['Udp', 'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors'],
]
const SET: Readonly<Record<string, number>> = {
  Forwarding: 2,
  DefaultTTL: 64,
  RtoAlgorithm: 1,
  RtoMin: 200,
  RtoMax: 120000,
  MaxConn: -1,
}

export function net_folder(_k: Kernel): DirNode {
  const text = (content: string): ReturnType<typeof file> => file(() => content)
  return folder({
    dev: text(DEV),
    route: text(ROUTE.padEnd(128)),
    tcp: text(ADDRESSES),
    udp: text(ADDRESSES_UDP),
    unix: text('Num       RefCount Protocol Flags    Type St Inode Path\n'),
    arp: text('IP address       HW type     Flags       HW address            Mask     Device\n'),
    snmp: file(snmp),
    sockstat: text(SOCKSTAT),
  })
}

function snmp(): string {
  return SNMP.map(([name, columns]) => {
    const values = columns.split(' ').map((column) => SET[column] ?? 0)
    return `${name}: ${columns}\n${name}: ${values.join(' ')}\n`
  }).join('')
}
