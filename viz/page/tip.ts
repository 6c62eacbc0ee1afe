/** The small text beside the pointer. */
const tip = document.querySelector<HTMLElement>('.tip')!;

export function showTip(lines: readonly string[], event: { clientX: number; clientY: number }): void {
  tip.replaceChildren(
    ...lines.map((line, i) => {
      const element = document.createElement(i === 0 ? 'strong' : 'span');
      element.textContent = line;
      return element;
    }),
  );
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left =
    event.clientX + 14 + width > window.innerWidth ? event.clientX - width - 10 : event.clientX + 14;
  const top =
    event.clientY + 14 + height > window.innerHeight ? event.clientY - height - 8 : event.clientY + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

export function hideTip(): void {
  tip.hidden = true;
}
