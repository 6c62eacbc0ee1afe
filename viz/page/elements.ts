/** Small elements that lists of the page are made of. */

export function textOf(className: string, text: string): HTMLSpanElement {
  const span = document.createElement('span');
  span.className = className;
  span.textContent = text;
  return span;
}

/** An item that says something instead of listing something. */
export function messageOf(text: string): HTMLLIElement {
  const item = document.createElement('li');
  item.className = 'message';
  item.textContent = text;
  return item;
}
