// What a reader with a keyboard, a screen reader or weak eyes would stumble over; a list of sentences, empty if nothing.
(() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const where = (e) => `<${e.tagName.toLowerCase()}> ${(e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 60)}`;

  const html = document.documentElement;
  if (!/^(zh-CN|en)$/.test(html.lang)) found.push(`lang ${html.lang}`);
  if (!document.title) found.push("no title");
  if (html.scrollWidth > html.clientWidth) {
    const wide = all("body *").filter((e) => e.getBoundingClientRect().right > html.clientWidth + 1 && seen(e));
    found.push(`scrolls sideways: ${html.scrollWidth} > ${html.clientWidth}, ${wide.slice(0, 3).map(where).join("; ")}`);
  }
  const ids = all("[id]").map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => found.push(`id ${id} twice`));
  all("[aria-labelledby]").filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).forEach((e) => found.push(`no label: ${where(e)}`));

  for (const landmark of ["main", "header", "footer", "nav"]) if (!document.querySelector(landmark)) found.push(`no ${landmark}`);
  all("nav:not([aria-label])").forEach((e) => found.push(`nav without a name: ${where(e)}`));
  all("body > *").filter((e) => !e.matches("header, main, footer, .skip, script")).forEach((e) => found.push(`outside of landmarks: ${where(e)}`));

  const headings = all("h1, h2, h3, h4, h5, h6").filter(seen);
  if (headings.filter((h) => h.tagName === "H1").length !== 1) found.push("not one h1");
  headings.reduce((above, h) => {
    const level = Number(h.tagName[1]);
    if (level > above + 1) found.push(`skips a level: ${where(h)}`);
    return level;
  }, 0);

  all("table").filter((t) => !t.matches(".tip table")).forEach((t) => {
    if (!t.querySelector("th[scope]")) found.push(`table without headings: ${where(t)}`);
  });
  all("svg:not([aria-hidden]):not([role=img][aria-label])").forEach((e) => found.push(`drawing without a name: ${e.outerHTML.slice(0, 60)}`));
  all("[aria-hidden=true] a:not([tabindex='-1'])").forEach((e) => found.push(`hidden but reached by the keyboard: ${where(e)}`));
  all("a[target=_blank]").forEach((e) => found.push(`opens a window: ${where(e)}`));

  // WCAG 2.2: contrast of text 4.5, of large text 3; targets of at least 24 x 24 pixels unless inside a sentence.
  const channels = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.a > 0.5) return color;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = words.nextNode()); ) {
    const e = node.parentElement;
    if (!node.data.trim() || !seen(e) || e.closest("script, svg, .skip, [hidden]")) continue;
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const [a, b] = [light(channels(style.color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    if (ratio < least) found.push(`contrast ${ratio.toFixed(2)}: ${where(e)}`);
  }
  all("a, button, select, input:not([type=hidden]), summary").filter(seen).forEach((e) => {
    const { width, height } = e.getBoundingClientRect();
    const alone = getComputedStyle(e).display !== "inline";
    if (alone && (width < 24 || height < 24) && !e.closest("svg, .skip")) found.push(`small target ${width}x${height}: ${where(e)}`);
  });
  return found;
})()
