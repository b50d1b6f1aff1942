var relearn_searchindex = {{ $pages := slice }}{{ range site.RegularPages }}{{ $pages = $pages | append (dict "uri" .RelPermalink "title" .Title) }}{{ end }}{{ $pages | jsonify }};
