/** Answers in the order of the keys, all of them as they are at some moment after the call. */
export type AskAll<Answer> = (keys: readonly string[]) => Promise<readonly Answer[]>

export interface TogetherOptions {
  /** Keys in one question. */
  readonly most: number
  /** After so many milliseconds a question without an answer keeps nothing waiting any more: the next one goes beside it. */
  readonly patienceMs: number
}

/**
 * Asks for many in one question. The first caller is asked for at once. Callers that come before its answer are gathered, and asked for together
 * when it has come: a question that was sent before a caller came is never its answer, so that each sees at least what was there when it came.
 */
export class Together<Answer> {
  readonly #askAll: AskAll<Answer>
  readonly #options: TogetherOptions
  /** The question that was sent last, until it has been answered. */
  #sent: Question<Answer> | undefined
  /** The one that has not been sent. */
  #gathered: Question<Answer> | undefined

  constructor(askAll: AskAll<Answer>, options: TogetherOptions) {
    this.#askAll = askAll
    this.#options = options
  }

  /** Callers of the same key share one answer. Throws what the question throws, which every caller of it is told. */
  async ask(key: string): Promise<Answer | undefined> {
    const question = this.#gathered ?? this.#begun()
    const place = question.placeOf(key)
    if (this.#sent === undefined || question.size === this.#options.most) this.#send()
    return (await question.answers)[place]
  }

  #begun(): Question<Answer> {
    this.#gathered = new Question()
    if (this.#sent !== undefined) this.#gathered.timer = setTimeout(() => this.#send(), this.#options.patienceMs)
    return this.#gathered
  }

  #send(): void {
    const question = this.#gathered
    if (question === undefined) return
    clearTimeout(question.timer)
    this.#gathered = undefined
    this.#sent = question
    const isAnswered = () => {
      if (this.#sent !== question) return
      this.#sent = undefined
      this.#send()
    }
    question.resolve(this.#askAll(question.keys).finally(isAnswered))
  }
}

class Question<Answer> {
  readonly #places = new Map<string, number>()
  readonly #answers = Promise.withResolvers<readonly Answer[]>()
  timer: ReturnType<typeof setTimeout> | undefined

  get answers(): Promise<readonly Answer[]> {
    return this.#answers.promise
  }

  get keys(): readonly string[] {
    return [...this.#places.keys()]
  }

  get size(): number {
    return this.#places.size
  }

  placeOf(key: string): number {
    const place = this.#places.get(key) ?? this.#places.size
    this.#places.set(key, place)
    return place
  }

  resolve(answers: Promise<readonly Answer[]>): void {
    this.#answers.resolve(answers)
  }
}
