/** Characters that begin a line or steer a terminal, and halves of characters. */
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu
/** Characters without a width, and those that turn the direction of what follows: one text looks like another by them. */
const INVISIBLE = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu

/** A text out of an image, as one line that can be shown: what an image says of itself was written by its builder. Cut to so many units. */
export function shownText(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(CONTROL, ' ').replace(INVISIBLE, '').trim()
}
