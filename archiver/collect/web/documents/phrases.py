"""What error pages, logins, parked domains and placeholders say, in the languages that doc sites are written in.

All functions are pure and take short texts: titles, headings, the beginning of a page.
"""

from __future__ import annotations

import re
from typing import Iterator

_SEPARATOR = re.compile(
    r"\s+[-\u2013/]+\s+|\s*[|\u00b7\u2022\u00bb\u00ab:\u2014_\uff5c]+\s*"
)  # between a title's parts
_EDGES = " \t!?.,;\u2026\u3002\uff01\uff1f\uff0c()[]{}\"'\u201c\u201d#-\u2013\u2014"
_NUMBER = re.compile(
    r"(?:\b(?:http|status|code|error|fehler|erreur)\W*|\u9519\u8bef\W*)*\b404\b(?:\W*(?:error|\u9519\u8bef))?"
)
_ERROR = re.compile(
    r"(?:(?:sorry|whoops|oops|uh oh|oh no)\W+)?"
    r"(?:(?:the |this |that |your )?(?:requested )?(?:page|file|url|document)"
    r"(?: (?:that )?you(?:'re| are| were)? (?:requested|looking for))?"
    r" (?:(?:(?:was|is|could|can) ?not|(?:was|is|could)n't|can't|not) (?:be )?(?:found|available)"
    r"|missing|doesn't exist|does not exist)"
    r"|we (?:could not|couldn't|can't|cannot|can not) find (?:that|the|this) page(?: you(?:'re| were| are) looking for)?"
    r"|(?:nothing|not) found(?: here)?)"
)
_ERRORS = frozenset(
    {  # each as a whole; folded as ``_folded`` does it
        *("seite nicht gefunden", "die seite wurde nicht gefunden", "seite konnte nicht gefunden werden"),
        *("die seite konnte nicht gefunden werden", "nicht gefunden"),
        *("página no encontrada", "pagina no encontrada", "la página no fue encontrada", "no encontrada"),
        *(
            "no encontrado",
            "page non trouvée",
            "page introuvable",
            "cette page est introuvable",
            "introuvable",
        ),
        *("cette page n'existe pas", "página não encontrada", "pagina não encontrada", "não encontrado"),
        *("pagina non trovata", "pagina niet gevonden", "nie znaleziono", "nie znaleziono strony"),
        *(
            "strona nie istnieje",
            "strona nie została znaleziona",
            "stránka nenalezena",
            "stránka nebyla nalezena",
        ),
        *("sidan hittades inte", "sidan kunde inte hittas", "siden blev ikke fundet", "sivua ei löytynyt"),
        *("sayfa bulunamad\u0131", "không tìm thấy trang", "halaman tidak ditemukan", "oldal nem található"),
        *("страница не найдена", "страница не существует", "не найдено", "сторінку не знайдено"),
        *(
            "页面不存在",
            "网页不存在",
            "该页面不存在",
            "此页面不存在",
            "页面未找到",
            "页面没有找到",
            "页面找不到",
            "页面找不到了",
        ),
        *(
            "找不到页面",
            "找不到网页",
            "找不到该页面",
            "找不到此页面",
            "找不到这个页面",
            "未找到页面",
            "没有找到页面",
            "未找到",
        ),
        *(
            "您访问的页面不存在",
            "你访问的页面不存在",
            "您查找的页面不存在",
            "您请求的页面不存在",
            "您要找的页面不存在",
        ),
        *(
            "页面走丢了",
            "页面无法找到",
            "网页无法找到",
            "无法找到页面",
            "无法找到网页",
            "无法找到该页",
            "找不到您要访问的页面",
        ),
        *(
            "頁面不存在",
            "網頁不存在",
            "找不到頁面",
            "找不到網頁",
            "找不到此頁面",
            "找不到該頁面",
            "您訪問的頁面不存在",
        ),
        *("ページが見つかりません", "ページが見つかりませんでした", "お探しのページは見つかりません"),
        *(
            "お探しのページは見つかりませんでした",
            "お探しのページが見つかりません",
            "お探しのページが見つかりませんでした",
        ),
        *(
            "指定されたページは存在しません",
            "指定されたページが見つかりません",
            "ページは存在しません",
            "ページが存在しません",
        ),
        *(
            "페이지를 찾을 수 없습니다",
            "페이지를 찾을 수 없음",
            "요청하신 페이지를 찾을 수 없습니다",
            "존재하지 않는 페이지",
        ),
        *("존재하지 않는 페이지입니다", "페이지가 존재하지 않습니다"),
    }
)
_LOGIN = re.compile(
    r"(?:please )?(?:log ?-?in|sign ?-?in|log ?-?on)(?: page)?(?: to \S.{0,60})?"
    r"|(?:login|log in|sign in|authentication) required|single sign[ -]on"
)
_LOGINS = frozenset(
    {
        *(
            "anmelden",
            "anmeldung",
            "einloggen",
            "bitte anmelden",
            "connexion",
            "se connecter",
            "s'identifier",
        ),
        *(
            "iniciar sesión",
            "inicio de sesión",
            "acceder",
            "fazer login",
            "iniciar sessão",
            "entrar",
            "accedi",
        ),
        *("inloggen", "logowanie", "zaloguj się", "вход", "войти", "авторизация", "увійти"),
        *("登录", "登陆", "登入", "用户登录", "会员登录", "请登录", "请先登录", "用戶登入", "會員登入"),
        *("ログイン", "サインイン", "로그인"),
    }
)
_FOR_SALE = re.compile(
    r"(?:may be|might be|could be|is|are|now|available|listed|offered) (?:now )?for sale|for sale by|buy this domain"
    r"|domain(?: name)? (?:is |has |was )?(?:for sale|available|parked|expired|suspended)|is parked|parked (?:domain|free|page)"
    r"|has expired|steht zum verkauf|zu verkaufen|est à vendre|en venta|a la venta|in vendita|à venda|te koop|na sprzedaż"
    r"|прода[её]тся|срок регистрации|正在出售|出售中|域名(?:出售|转让|待售|已过期|可售)|(?:可|待)(?:出售|转让)|已过期"
    r"|販売(?:中|して)|売りに出|판매 ?중|판매합니다"
)
_DOMAIN = re.compile(r"domain|dom[eé]in|dom[ií]ni|domen|домен|域名|網域|ドメイン|도메인")
_PLACEHOLDER = re.compile(
    r"(?:this )?(?:account|site|website|web site|domain)(?: has been| is)? (?:suspended|expired|disabled|deactivated)"
    r"|welcome to (?:nginx|openresty|caddy|tengine)(?: on .{1,40})?"
    r"|apache2 (?:\w+ )?default page(?: it works)?"
    r"|(?:apache )?http server test page.{0,60}|test page for the .{0,40}(?:http|web) ?server.{0,60}"
    r"|iis windows(?: server)?|default plesk page|default web ?site page|domain default page"
    r"|网站已关闭|网站暂停访问|该网站已关闭|没有找到站点|网站已过期|网站未备案|此网站已停止服务"
)


def is_error_title(text: str) -> bool:
    """Say whether a title or heading, or a part of it between separators, is that of an error page."""
    return any(map(_is_error, _parts(text)))


def is_login_title(text: str) -> bool:
    """Say whether a title or heading, or a part of it between separators, is that of a login page."""
    return any(part in _LOGINS or _LOGIN.fullmatch(part) for part in _parts(text))


def is_placeholder_title(text: str) -> bool:
    """Say whether a title or heading is what a server or hoster shows where there is no site, or none any more."""
    return any(_PLACEHOLDER.fullmatch(part) for part in _parts(text))


def offers_domain(text: str, host: str) -> bool:
    """Say whether a text says of a host, by its name, that it is for sale, parked or expired."""
    folded = _folded(text)
    return host.lower().removeprefix("www.") in folded and _FOR_SALE.search(folded) is not None


def offers_any_domain(text: str) -> bool:
    """Say whether a text says of some domain that it is for sale, parked or expired."""
    folded = _folded(text)
    return _DOMAIN.search(folded) is not None and _FOR_SALE.search(folded) is not None


def _parts(text: str) -> Iterator[str]:
    folded = _folded(text)
    yield folded.strip(_EDGES)
    for part in _SEPARATOR.split(folded):
        yield part.strip(_EDGES)


def _is_error(part: str) -> bool:
    words = _NUMBER.sub(" ", part)
    rest = words.strip(_EDGES + "|:_")
    if not rest:
        return words != part
    return rest in _ERRORS or _ERROR.fullmatch(rest) is not None


def _folded(text: str) -> str:
    return " ".join(text.lower().replace("\u2019", "'").split())
