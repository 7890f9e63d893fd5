"""What a user can do: one class a subject, one method a user action, one transaction a method.

Services open the transactions; query functions below never commit. What they return is frozen and
may cross threads. No Qt here, and no network call inside an open transaction.
"""
