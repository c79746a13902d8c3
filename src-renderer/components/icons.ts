/** The icons of the window by what they stand for. */
import type { Component } from 'svelte'
import type { IconProps } from '@lucide/svelte'
import ArrowDownToLine from '@lucide/svelte/icons/arrow-down-to-line'
import BadgeCheck from '@lucide/svelte/icons/badge-check'
import Boxes from '@lucide/svelte/icons/boxes'
import Camera from '@lucide/svelte/icons/camera'
import Check from '@lucide/svelte/icons/check'
import ChevronDown from '@lucide/svelte/icons/chevron-down'
import ChevronRight from '@lucide/svelte/icons/chevron-right'
import Circle from '@lucide/svelte/icons/circle'
import CircleCheck from '@lucide/svelte/icons/circle-check'
import CircleDot from '@lucide/svelte/icons/circle-dot'
import CircleHelp from '@lucide/svelte/icons/circle-question-mark'
import CircleX from '@lucide/svelte/icons/circle-x'
import Columns from '@lucide/svelte/icons/columns-3'
import Copy from '@lucide/svelte/icons/copy'
import Crosshair from '@lucide/svelte/icons/crosshair'
import Download from '@lucide/svelte/icons/download'
import FlaskConical from '@lucide/svelte/icons/flask-conical'
import Funnel from '@lucide/svelte/icons/funnel'
import GitBranch from '@lucide/svelte/icons/git-branch'
import Grid from '@lucide/svelte/icons/grid-3x3'
import Hourglass from '@lucide/svelte/icons/hourglass'
import Inbox from '@lucide/svelte/icons/inbox'
import Info from '@lucide/svelte/icons/info'
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard'
import Library from '@lucide/svelte/icons/library'
import ListTree from '@lucide/svelte/icons/list-tree'
import Lock from '@lucide/svelte/icons/lock'
import Pause from '@lucide/svelte/icons/pause'
import Play from '@lucide/svelte/icons/play'
import Recycle from '@lucide/svelte/icons/recycle'
import RotateCcw from '@lucide/svelte/icons/rotate-ccw'
import ScanSearch from '@lucide/svelte/icons/scan-search'
import Search from '@lucide/svelte/icons/search'
import Skull from '@lucide/svelte/icons/skull'
import SquareTerminal from '@lucide/svelte/icons/square-terminal'
import StepBack from '@lucide/svelte/icons/step-back'
import StepForward from '@lucide/svelte/icons/step-forward'
import SunMoon from '@lucide/svelte/icons/sun-moon'
import Tag from '@lucide/svelte/icons/tag'
import TriangleAlert from '@lucide/svelte/icons/triangle-alert'
import User from '@lucide/svelte/icons/user'
import X from '@lucide/svelte/icons/x'
import Zap from '@lucide/svelte/icons/zap'

export const ICONS = {
  overview: LayoutDashboard,
  processes: ListTree,
  process: ScanSearch,
  memory: Grid,
  slab: Boxes,
  reclaim: Recycle,
  oom: Skull,
  lab: FlaskConical,
  console: SquareTerminal,
  recordings: Library,
  fidelity: BadgeCheck,
  pause: Pause,
  play: Play,
  back: StepBack,
  forward: StepForward,
  search: Search,
  close: X,
  theme: SunMoon,
  down: ChevronDown,
  right: ChevronRight,
  help: CircleHelp,
  info: Info,
  branch: GitBranch,
  filter: Funnel,
  fault: Zap,
  segv: TriangleAlert,
  warn: TriangleAlert,
  action: User,
  kswapd: ArrowDownToLine,
  direct: Hourglass,
  check: Check,
  lock: Lock,
  tag: Tag,
  camera: Camera,
  export: Download,
  columns: Columns,
  crosshair: Crosshair,
  table: Inbox,
  retry: RotateCcw,
  circle: Circle,
  dot: CircleDot,
  fail: CircleX,
  ok: CircleCheck,
  copy: Copy,
} satisfies Record<string, Component<IconProps>>

export type IconName = keyof typeof ICONS
