/** What a terminal would show: the bytes of a full-screen program, as rows of text. Colours are left out. */

const SEQUENCE = /\x1b\[([?>=]?)([\d;:]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()#][\s\S]|\x1b[\s\S]|[\s\S]/gu // eslint-disable-line no-control-regex

/** The fullest screen that was shown, for programs clear theirs when they end. */
export function screenText(bytes, cols, rows) {
  const s = { cols, rows, x: 0, y: 0, cells: blank(cols, rows), last: ' ' }
  let best = ''
  for (const [text, mark, digits, letter] of bytes.matchAll(SEQUENCE)) {
    if (letter !== undefined) {
      const numbers = digits.split(';').map((d) => Number.parseInt(d, 10) || 0)
      if (wipes(mark, letter, numbers)) best = fuller(best, textOf(s))
      if (mark === '') CSI[letter]?.(s, numbers)
      else if (letter === 'h' && numbers.includes(1049)) s.cells = blank(cols, rows)
    } else if (text.length === 1 || text.codePointAt(0) > 0xffff) plain(s, text)
  }
  return fuller(best, textOf(s))
}

function wipes(mark, letter, [n]) {
  return (letter === 'J' && n >= 2) || (mark === '?' && letter === 'l' && n === 1049)
}

function plain(s, char) {
  if (char === '\n') s.y = Math.min(s.rows - 1, s.y + 1)
  else if (char === '\r') s.x = 0
  else if (char === '\b') s.x = Math.max(0, s.x - 1)
  else if (char >= ' ') put(s, char)
}

function put(s, char) {
  if (s.x >= s.cols) {
    s.x = 0
    s.y = Math.min(s.rows - 1, s.y + 1)
  }
  s.cells[s.y][s.x++] = char
  s.last = char
}

const CSI = {
  A: (s, [n]) => (s.y = Math.max(0, s.y - (n || 1))),
  B: (s, [n]) => (s.y = Math.min(s.rows - 1, s.y + (n || 1))),
  C: (s, [n]) => (s.x = Math.min(s.cols - 1, s.x + (n || 1))),
  D: (s, [n]) => (s.x = Math.max(0, s.x - (n || 1))),
  G: (s, [n]) => (s.x = Math.max(0, (n || 1) - 1)),
  H: place,
  f: place,
  d: (s, [n]) => (s.y = Math.min(s.rows, n || 1) - 1),
  J: (s, [n]) => {
    if (n >= 2) s.cells = blank(s.cols, s.rows)
    else if (!n) for (let y = s.y; y < s.rows; y++) s.cells[y].fill(' ', y === s.y ? s.x : 0)
  },
  K: (s, [n]) => s.cells[s.y].fill(' ', n ? 0 : s.x, n === 1 ? s.x + 1 : s.cols),
  X: (s, [n]) => s.cells[s.y].fill(' ', s.x, Math.min(s.cols, s.x + (n || 1))),
  b: (s, [n]) => {
    for (let i = 0; i < (n || 1); i++) put(s, s.last)
  },
}

function place(s, [row, column]) {
  s.y = Math.min(s.rows, row || 1) - 1
  s.x = Math.min(s.cols, column || 1) - 1
}

function blank(cols, rows) {
  return Array.from({ length: rows }, () => Array(cols).fill(' '))
}

function textOf(s) {
  return s.cells.map((row) => row.join('').trimEnd()).join('\n')
}

function fuller(a, b) {
  return b.replace(/\s/g, '').length > a.replace(/\s/g, '').length ? b : a
}
