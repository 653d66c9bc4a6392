// The page of the notebooks: its contents follow the reader, and one button opens all checks.
'use strict';
(() => {
  const contents = document.querySelector('.contents');
  const narrow = matchMedia('(max-width: 1179px)');
  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener('change', fold);
  fold();

  const links = new Map([...document.querySelectorAll('nav li a')].map(a => [a.hash.slice(1), a]));
  let current = null;
  const watch = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      if (current) current.removeAttribute('aria-current');
      current = links.get(entry.target.id);
      current.setAttribute('aria-current', 'true');
      const nav = current.closest('nav'), at = current.offsetTop - nav.scrollTop;
      if (!narrow.matches && (at < 60 || at > nav.clientHeight - 60)) nav.scrollTop = current.offsetTop - nav.clientHeight / 2;
    }
  }, {rootMargin: '-10% 0px -80% 0px'});
  for (const article of document.querySelectorAll('article')) watch.observe(article);

  const unfold = document.getElementById('unfold');
  let open = false;
  unfold.addEventListener('click', () => {
    open = !open;
    for (const checks of document.querySelectorAll('.checks')) checks.closest('details').open = open;
    unfold.textContent = open ? 'Close all checks' : 'Open all checks';
  });
})();
