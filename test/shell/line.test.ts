/** The line editor: what keys do to a line, its history and its completion. */
import { expect, test } from 'vitest'
import { openLine } from '../../src-main/shell/line'

function editor(words: readonly string[] = []) {
  const entered: string[] = []
  let output = ''
  const line = openLine({
    write: (data) => void (output += data),
    prompt: () => '# ',
    cols: () => 40,
    complete: (text, at) => {
      const from = text.slice(0, at).search(/\S*$/)
      return { from, words: words.filter((w) => w.startsWith(text.slice(from, at))) }
    },
    enter: (text) => {
      entered.push(text)
      line.show()
    },
    clear: () => undefined,
  })
  line.show()
  return { type: (...keys: string[]) => keys.forEach((k) => line.input(k)), entered, screen: () => output }
}

test('Enter gives the line away', () => {
  const { type, entered } = editor()
  type('free -h', '\r')
  expect(entered).toEqual(['free -h'])
})

test('arrows, Home, End, Backspace and Delete edit in place', () => {
  const { type, entered } = editor()
  type('fre -h', '\x1b[D\x1b[D\x1b[D', 'e', '\x1b[H', 'x', '\x7f', '\x1b[F', '!', '\x1b[D', '\x1b[3~', '\r')
  expect(entered).toEqual(['free -h'])
})

test('Ctrl-U, Ctrl-K and Ctrl-W take words and ends away', () => {
  const { type, entered } = editor()
  type('a b c', '\x17', '\r', 'abc', '\x15', 'd', '\r', 'xyz', '\x1b[H', '\x1b[C', '\x0b', '\r')
  expect(entered).toEqual(['a b ', 'd', 'x'])
})

test('Up and Down go through what was entered, and back to what was being typed', () => {
  const { type, entered } = editor()
  type('one\r', 'two\r', 'thr', '\x1b[A', '\x1b[A', '\x1b[B', '\x1b[B', 'ee\r')
  expect(entered).toEqual(['one', 'two', 'three'])
})

test('Tab completes to what is common, then offers the rest', () => {
  const { type, entered, screen } = editor(['vmstat', 'vminfo'])
  type('v\t', '\t')
  expect(screen()).toContain('vmstat  vminfo')
  type('s\t', '1\r')
  expect(entered).toEqual(['vmstat 1'])
})

test('Ctrl-C gives the line up', () => {
  const { type, entered, screen } = editor()
  type('rm -rf /', '\x03', 'ls\r')
  expect(entered).toEqual(['ls'])
  expect(screen()).toContain('^C')
})

test('pasted lines are entered one by one', () => {
  const { type, entered } = editor()
  type('free\nuptime\n')
  expect(entered).toEqual(['free', 'uptime'])
})

test('Ctrl-R finds what was entered before, older with each press; Ctrl-G gives the search up', () => {
  const { type, entered, screen } = editor()
  type(
    'free -h\r',
    'vmstat 1\r',
    'free -m\r',
    '\x12',
    'free',
    '\r',
    '\x12',
    'free',
    '\x12',
    '\r',
    '\x12',
    'vm',
    '\x07',
    'ls\r',
  )
  expect(entered).toEqual(['free -h', 'vmstat 1', 'free -m', 'free -m', 'free -h', 'ls'])
  expect(screen()).toContain("(reverse-i-search)`free': free -m")
})
