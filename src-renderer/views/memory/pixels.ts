/** Colours of tokens as the pixels of an image. */
const probe = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })

/** A CSS colour, resolved where `element` stands, as a word of RGBA in memory order. */
export function pixelOf(element: HTMLElement, color: string): number {
  if (probe === null) return 0
  element.style.color = color
  probe.fillStyle = getComputedStyle(element).color
  element.style.color = ''
  probe.fillRect(0, 0, 1, 1)
  return new Uint32Array(probe.getImageData(0, 0, 1, 1).data.buffer)[0]!
}
