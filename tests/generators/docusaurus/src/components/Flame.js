import React from 'react';
import flame from './flame.png';
import styles from './flame.module.css';

export default function Flame() {
  return (
    <p id="flame" className={styles.flame}>
      <img src={flame} alt="" /> It burns.
    </p>
  );
}
