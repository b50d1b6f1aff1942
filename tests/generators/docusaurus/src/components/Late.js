import React, { lazy, Suspense, useState } from 'react';
import BrowserOnly from '@docusaurus/BrowserOnly';

const Flame = lazy(() => import('./Flame'));

export default function Late() {
  const [lit, light] = useState(false);
  return (
    <BrowserOnly>
      {() =>
        lit ? (
          <Suspense fallback="…">
            <Flame />
          </Suspense>
        ) : (
          <button id="light" onClick={() => light(true)}>
            Light it
          </button>
        )
      }
    </BrowserOnly>
  );
}
