/** A sparkline's path: the values in a box on their own scale from 0, with a gap where there is no value. */
export function sparkPath(values: readonly number[], width: number, height: number): string {
  const max = values.reduce((most, value) => (value > most ? value : most), 0)
  const step = width / Math.max(1, values.length - 1)
  let path = ''
  let drawing = false
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      drawing = false
      return
    }
    const y = height - 1.5 - (max > 0 ? value / max : 0) * (height - 4)
    path += `${drawing ? 'L' : 'M'}${(i * step).toFixed(1)} ${y.toFixed(1)}`
    drawing = true
  })
  return path
}
