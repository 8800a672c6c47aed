// Counts a reply as X counts it (twitter-text, configuration 3): these ranges of code points weigh 1,
// everything else 2, an emoji 2 however it is composed, an address 23. The server counts again.
const LIGHT = [[0, 4351], [8192, 8205], [8208, 8223], [8242, 8247]];
const ADDRESS = /https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}']/gi;
const ADDRESS_LENGTH = 23;
const LENGTH_MAX = 280;
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

export function weightedLength(text) {
  let length = 0;
  const rest = text.normalize("NFC").replace(ADDRESS, () => {
    length += ADDRESS_LENGTH;
    return "";
  });
  for (const { segment } of graphemes.segment(rest)) {
    if (EMOJI.test(segment) && (segment.length > 1 || segment.codePointAt(0) > 255)) {
      length += 2;
      continue;
    }
    for (const char of segment) {
      const code = char.codePointAt(0);
      length += LIGHT.some(([from, to]) => code >= from && code <= to) ? 1 : 2;
    }
  }
  return length;
}

for (const figure of document.querySelectorAll("[data-length-for]")) {
  const field = document.getElementById(figure.dataset.lengthFor);
  if (!field) continue;
  const show = () => {
    const length = weightedLength(field.value);
    if (figure.matches("meter")) {
      figure.value = length;
    } else {
      figure.textContent = length > LENGTH_MAX ? `${length} / ${LENGTH_MAX}, ${length - LENGTH_MAX} too many` : `${length} / ${LENGTH_MAX}`;
      figure.closest(".length")?.classList.toggle("is-over", length > LENGTH_MAX);
    }
  };
  field.addEventListener("input", show);
  show();
}
