"""What other domains ask of content: system mails, letters with their versions, and the values of their tags."""

from app.content.colours import FONTS, HEADING_FONT, TEXT_FONT
from app.content.data import example
from app.content.designs import Design, list_designs
from app.content.letters import Draft, Incomplete, Links, Problem, Rendered, Written, header_lines, samples_in
from app.content.merge import one_line
from app.content.pictures import OCTETS as PICTURE_OCTETS
from app.content.places import archive as archive_url
from app.content.places import base as base_url
from app.content.places import web_view as web_view_url
from app.content.plaintext import to_text as text_of_page
from app.content.queries import get_picture, list_pictures, list_translated, list_translations
from app.content.readers import (
    OWN_NAMES,
    Own,
    Reader,
    public_values,
    reader_values,
    sample_values,
    shared_values,
    transactional_values,
)
from app.content.service.blocks import place_of
from app.content.service.drafts import declare_data, draft_of, lines_of, samples_of, save_draft
from app.content.service.languages import (
    STAGES,
    InLanguage,
    Stage,
    add_translation,
    choose,
    hold_languages,
    letter_for,
    list_languages,
    main_of,
    remove_translation,
)
from app.content.service.letters import (
    archive_letter,
    copy_letter,
    create_letter,
    designs,
    rename_letter,
    restore_version,
)
from app.content.service.pictures import add_picture
from app.content.service.rendering import (
    data_faults,
    link_places,
    link_targets,
    links_of_draft,
    preview,
    preview_draft,
    render,
    render_public,
    render_transactional,
    skeleton,
)
from app.content.service.system import render_system
from app.content.service.versions import (
    check,
    find_public_number,
    freeze_languages,
    freeze_version,
    languages_of,
    publish,
    withdraw,
    written_of,
)
from app.content.skeleton import Blank, Parts, Skeleton

__all__ = [
    "FONTS",
    "HEADING_FONT",
    "OWN_NAMES",
    "PICTURE_OCTETS",
    "STAGES",
    "TEXT_FONT",
    "Blank",
    "Design",
    "Draft",
    "InLanguage",
    "Incomplete",
    "Links",
    "Own",
    "Parts",
    "Problem",
    "Reader",
    "Rendered",
    "Skeleton",
    "Stage",
    "Written",
    "add_picture",
    "add_translation",
    "archive_letter",
    "archive_url",
    "base_url",
    "check",
    "choose",
    "copy_letter",
    "create_letter",
    "data_faults",
    "declare_data",
    "designs",
    "draft_of",
    "example",
    "find_public_number",
    "freeze_languages",
    "freeze_version",
    "get_picture",
    "header_lines",
    "hold_languages",
    "languages_of",
    "letter_for",
    "lines_of",
    "link_places",
    "link_targets",
    "links_of_draft",
    "list_designs",
    "list_languages",
    "list_pictures",
    "list_translated",
    "list_translations",
    "main_of",
    "one_line",
    "place_of",
    "preview",
    "preview_draft",
    "public_values",
    "publish",
    "reader_values",
    "remove_translation",
    "rename_letter",
    "render",
    "render_public",
    "render_system",
    "render_transactional",
    "restore_version",
    "sample_values",
    "samples_in",
    "samples_of",
    "save_draft",
    "shared_values",
    "skeleton",
    "text_of_page",
    "transactional_values",
    "web_view_url",
    "withdraw",
    "written_of",
]
