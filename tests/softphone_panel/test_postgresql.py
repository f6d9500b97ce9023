"""The panel's queries and changes once more, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Server, postgres
from tests.softphone_panel.conftest import installed
from tests.softphone_panel.test_call_tasks import (
    test_a_dropped_caller_is_rung_back_with_one_click,
    test_a_follow_up_is_its_makers_until_its_time_has_passed,
    test_of_many_who_want_a_task_at_once_exactly_one_gets_it,
    test_only_one_operator_gets_a_task_and_the_other_is_told,
)
from tests.softphone_panel.test_desk import test_a_double_click_is_one_command
from tests.softphone_panel.test_health import test_the_measures_count_the_rows
from tests.softphone_panel.test_listening import kept, test_a_playing_is_written_down_before_its_first_sound
from tests.softphone_panel.test_my_desk import (
    test_a_red_answer_raises_the_ticket_the_call_and_the_line_in_one_transaction,
    test_earlier_tickets_calls_recalls_and_the_name_of_the_number_are_shown,
    test_the_second_of_two_tabs_is_told_what_stands_there_and_loses_nothing,
    test_what_is_typed_is_kept_at_once_and_entered_when_finished,
)
from tests.softphone_panel.test_pages import test_the_live_page_shows_the_line_with_the_most_urgent_first
from tests.softphone_panel.test_people import (
    test_every_change_is_an_entry_that_says_who_and_from_what_to_what_and_the_last_is_undone,
    test_two_administrators_who_take_each_others_role_at_once_leave_one,
)
from tests.softphone_panel.test_quality import (
    test_a_calibration_is_blind_until_all_have_finished_then_shows_who_differs,
    test_many_first_clicks_at_once_begin_one_draft_and_lose_no_answer,
    test_the_weeks_draw_gives_supervisors_their_lists_and_repeats_nothing,
)
from tests.softphone_panel.test_recordings import (
    test_a_stations_leg_is_found_by_its_station_heard_on_its_page_and_who_listened_is_known,
    test_an_operator_finds_their_own_calls_and_what_was_shared_with_them,
    test_recordings_are_found_by_level_operator_number_hotline_day_and_note,
)
from tests.softphone_panel.test_reports import test_every_division_adds_up_to_the_same_total
from tests.softphone_panel.test_stations import (
    stations_loaded,
    test_a_new_station_begins_as_a_draft_and_is_gone_when_its_first_publication_is_undone,
)
from tests.softphone_panel.test_ticket_bulk import (
    test_exactly_the_chosen_tickets_are_closed_each_with_its_entry_and_the_refused_named,
    test_filters_are_saved_shared_reached_by_key_and_removed,
)
from tests.softphone_panel.test_ticket_files import (
    test_a_file_is_kept_without_its_place_with_its_hash_in_entry_and_ledger,
)
from tests.softphone_panel.test_ticket_persons import (
    test_a_number_is_hidden_from_whom_the_ticket_is_not_and_cannot_be_overwritten_by_what_they_see,
    test_each_person_is_kept_apart_entered_and_found,
)
from tests.softphone_panel.test_ticket_ties import (
    test_a_merged_ticket_follows_its_main_one_and_parted_is_as_before,
    test_what_may_be_one_matter_is_suggested_with_its_reasons_at_page_and_desk,
)
from tests.softphone_panel.test_tickets import (
    test_a_note_is_found_by_its_words_without_diacritics,
    test_a_unit_is_found_with_or_without_diacritics_and_set,
    test_closing_writes_the_disposition_its_entry_and_one_version,
    test_the_list_is_filtered_and_searched,
    test_the_second_of_two_supervisors_is_told_and_loses_nothing,
    test_words_are_found_in_any_order_by_the_last_ones_beginning_and_however_long_they_are,
)
from tests.softphone_panel.test_wrapping_up import test_a_disposition_frees_the_desk_and_is_on_the_ticket

pytestmark = pytest.mark.live

__all__ = [
    "kept",
    "postgres",
    "stations_loaded",
    "test_a_calibration_is_blind_until_all_have_finished_then_shows_who_differs",
    "test_a_disposition_frees_the_desk_and_is_on_the_ticket",
    "test_a_double_click_is_one_command",
    "test_a_dropped_caller_is_rung_back_with_one_click",
    "test_a_file_is_kept_without_its_place_with_its_hash_in_entry_and_ledger",
    "test_a_follow_up_is_its_makers_until_its_time_has_passed",
    "test_a_merged_ticket_follows_its_main_one_and_parted_is_as_before",
    "test_a_new_station_begins_as_a_draft_and_is_gone_when_its_first_publication_is_undone",
    "test_a_note_is_found_by_its_words_without_diacritics",
    "test_a_number_is_hidden_from_whom_the_ticket_is_not_and_cannot_be_overwritten_by_what_they_see",
    "test_a_playing_is_written_down_before_its_first_sound",
    "test_a_red_answer_raises_the_ticket_the_call_and_the_line_in_one_transaction",
    "test_a_stations_leg_is_found_by_its_station_heard_on_its_page_and_who_listened_is_known",
    "test_a_unit_is_found_with_or_without_diacritics_and_set",
    "test_an_operator_finds_their_own_calls_and_what_was_shared_with_them",
    "test_closing_writes_the_disposition_its_entry_and_one_version",
    "test_each_person_is_kept_apart_entered_and_found",
    "test_earlier_tickets_calls_recalls_and_the_name_of_the_number_are_shown",
    "test_every_change_is_an_entry_that_says_who_and_from_what_to_what_and_the_last_is_undone",
    "test_every_division_adds_up_to_the_same_total",
    "test_exactly_the_chosen_tickets_are_closed_each_with_its_entry_and_the_refused_named",
    "test_filters_are_saved_shared_reached_by_key_and_removed",
    "test_many_first_clicks_at_once_begin_one_draft_and_lose_no_answer",
    "test_of_many_who_want_a_task_at_once_exactly_one_gets_it",
    "test_only_one_operator_gets_a_task_and_the_other_is_told",
    "test_recordings_are_found_by_level_operator_number_hotline_day_and_note",
    "test_the_list_is_filtered_and_searched",
    "test_the_live_page_shows_the_line_with_the_most_urgent_first",
    "test_the_measures_count_the_rows",
    "test_the_second_of_two_supervisors_is_told_and_loses_nothing",
    "test_the_second_of_two_tabs_is_told_what_stands_there_and_loses_nothing",
    "test_the_weeks_draw_gives_supervisors_their_lists_and_repeats_nothing",
    "test_two_administrators_who_take_each_others_role_at_once_leave_one",
    "test_what_is_typed_is_kept_at_once_and_entered_when_finished",
    "test_what_may_be_one_matter_is_suggested_with_its_reasons_at_page_and_desk",
    "test_words_are_found_in_any_order_by_the_last_ones_beginning_and_however_long_they_are",
]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server) -> Iterator[Path]:
    with installed(tmp_path, monkeypatch, postgres.database()) as folder:
        yield folder
