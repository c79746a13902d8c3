/** A text file as a string, by the bundler. */
declare module '*.md?raw' {
  const text: string
  export default text
}
declare module '*.json?raw' {
  const text: string
  export default text
}
