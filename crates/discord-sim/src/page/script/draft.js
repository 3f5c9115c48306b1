// A slash command being filled in: the command and a pill for each option.

import { h } from "./dom.js";
import { Pill } from "./pill.js";

export class Draft {
  constructor(entry, describedBy) {
    this.entry = entry;
    this.describedBy = describedBy;
    this.pills = [];
    this.element = h("span.draft", {}, h("span.command", {}, `/${entry.name}`));
    for (const option of entry.options.filter(({ required }) => required)) this.add(option);
  }

  // The options without a pill.
  get rest() {
    return this.entry.options.filter((option) => !this.pill(option.name));
  }

  pill(name) {
    return this.pills.find((pill) => pill.option.name === name);
  }

  add(option) {
    const pill = new Pill(option, this.describedBy);
    this.pills.push(pill);
    this.element.append(pill.element);
    return pill;
  }

  remove(pill) {
    this.pills = this.pills.filter((other) => other !== pill);
    pill.element.remove();
  }

  // The first required pill without a value.
  get empty() {
    return this.pills.find((pill) => pill.option.required && pill.box.value === "");
  }

  // Extracts options written as name:value from a line. Returns the last pill that was written to, and the words
  // before the first name. A word that ends in a colon is a name only if there is such an option.
  take(line) {
    const names = this.entry.options.map(({ name }) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    if (names.length === 0) return { before: line, last: null };
    const [before, ...parts] = line.split(new RegExp(`(?:^|\\s)(${names.join("|")}):`));
    let last = null;
    for (let index = 0; index < parts.length; index += 2) {
      const option = this.entry.options.find(({ name }) => name === parts[index]);
      last = this.pill(option.name) ?? this.add(option);
      last.type(parts[index + 1].trimStart());
    }
    return { before, last };
  }

  // All values by name: `{ values }`, or `{ fault, pill }` with the first error.
  read(world) {
    const readings = this.pills.map((pill) => ({ pill, ...pill.read(world) }));
    for (const { pill, fault } of readings) pill.mark(Boolean(fault));
    const wrong = readings.find(({ fault }) => fault);
    if (wrong) return wrong;
    const given = readings.filter(({ value }) => value !== undefined);
    return { values: Object.fromEntries(given.map(({ pill, value }) => [pill.option.name, value])) };
  }

  // The values typed so far, which the bot receives when it completes an option.
  typed(world) {
    const sound = this.pills.map((pill) => [pill.option.name, pill.read(world).value]);
    return Object.fromEntries(sound.filter(([, value]) => value !== undefined));
  }
}
