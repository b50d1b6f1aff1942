import React from 'react';
import Layout from '@theme/Layout';
import Link from '@docusaurus/Link';

export default function Home() {
  return (
    <Layout title="Home" description="The lantern's home">
      <main className="container margin-vert--lg">
        <h1>Lantern</h1>
        <Link className="button button--primary" to="/docs/">
          Read the handbook
        </Link>
      </main>
    </Layout>
  );
}
